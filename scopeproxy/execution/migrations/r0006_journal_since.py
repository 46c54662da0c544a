"""From when on a change at a site is somebody else's, for the writes that wait for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the column; empty, it is the time at which the write was made.  And indices for what is counted."""
    op.add_column("journal", sa.Column("since", sa.Double))
    op.create_index("ix_journal_size", "journal", ["size"])
    op.create_index("ix_journal_where", "journal", ["site", "state"])
