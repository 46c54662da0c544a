"""The tables of the first release: request ids, scopes, logins, signatures and pages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_digits, _name = sa.String(64), sa.String(255)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "requests",
        sa.Column("id", _digits, primary_key=True),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("entry", _name, nullable=False),
        sa.Column("hops", sa.Integer, nullable=False),
        sa.Column("project", _name),
        sa.Column("client_id", sa.Text),
        _expires(),
    )
    op.create_table(
        "scopes", sa.Column("digest", _digits, primary_key=True), sa.Column("text", sa.Text, nullable=False), _expires()
    )
    op.create_table(
        "logins",
        sa.Column("fingerprint", _digits, primary_key=True),
        sa.Column("issuer", _name, nullable=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("validated", sa.Double, nullable=False),
        _expires(),
    )
    op.create_table(
        "site_logins",
        sa.Column("login", _digits, primary_key=True),
        sa.Column("site", _name, primary_key=True),
        sa.Column("token", _digits, index=True),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("failure", sa.Text),
        _expires(),
    )
    op.create_table("signatures", sa.Column("mac", _digits, primary_key=True), _expires())
    op.create_table(
        "pages",
        sa.Column("key", _digits, primary_key=True),
        sa.Column("positions", sa.Text, nullable=False),
        _expires(),
    )


def _expires() -> sa.Column[float]:
    return sa.Column("expires", sa.Double, nullable=False, index=True)
