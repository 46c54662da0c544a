"""The journal of writes that sites have yet to do, and who of several processes replays it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_name, _word = sa.String(255), sa.String(64)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "journal",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("write", _word, nullable=False, index=True),
        sa.Column("site", _name, nullable=False),
        sa.Column("owner", _name, nullable=False, index=True),
        sa.Column("service", _name, nullable=False),
        sa.Column("method", _word, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("kind", _word, nullable=False),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("touches", sa.Text, nullable=False),
        sa.Column("mentions", sa.Text, nullable=False),
        sa.Column("state", _word, nullable=False),
        sa.Column("unsure", sa.Boolean, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_try", sa.Double, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("known", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary(2**24 - 1), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "leases",
        sa.Column("name", _word, primary_key=True),
        sa.Column("holder", _word, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
    )
