"""Replica sets, and what the other sites' proxies have yet to be told of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_name, _word = sa.String(255), sa.String(64)


def upgrade() -> None:
    """Make the tables; and one that was added to the first revision after some had it already."""
    if "pages" not in sa.inspect(op.get_bind()).get_table_names():
        op.create_table(
            "pages",
            sa.Column("key", _word, primary_key=True),
            sa.Column("positions", sa.Text, nullable=False),
            sa.Column("expires", sa.Double, nullable=False, index=True),
        )
    op.create_table(
        "replicas",
        sa.Column("site", _name, primary_key=True),
        sa.Column("service", _word, primary_key=True),
        sa.Column("collection", _word, primary_key=True),
        sa.Column("id", _name, primary_key=True),
        sa.Column("member_of", _word, nullable=False),
        sa.Column("made", sa.Double, nullable=False),
        sa.UniqueConstraint("member_of", "site", name="replicas_once_at_a_site"),
    )
    op.create_index("ix_replicas_id", "replicas", ["service", "id"])
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("site", _name, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("due", sa.Double, nullable=False, index=True),
    )
