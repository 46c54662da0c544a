"""The last login of whoever has writes in the journal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "journal_logins",
        sa.Column("owner", sa.String(255), primary_key=True),
        sa.Column("sites", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary(2**24 - 1), nullable=False),
    )
