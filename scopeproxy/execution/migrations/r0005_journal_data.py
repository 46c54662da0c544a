"""Data that wait for a site, and an index of what the writes of the journal are about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table and the column, and let what waits already be found."""
    marks = op.create_table(
        "journal_marks",
        sa.Column("entry", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("touched", sa.Boolean, primary_key=True),
        sa.Column("mark", sa.String(20), primary_key=True),
    )
    op.create_index("ix_journal_marks_mark", "journal_marks", ["mark", "touched"])
    op.add_column("journal", sa.Column("data", sa.BigInteger))
    journal = sa.table("journal", sa.column("id"), sa.column("touches"), sa.column("mentions"))
    db = op.get_bind()
    for id_, *texts in db.execute(sa.select(journal.c.id, journal.c.touches, journal.c.mentions)).all():
        for touched, text in zip((True, False), texts, strict=True):
            if text:
                rows = [{"entry": id_, "touched": touched, "mark": one} for one in dict.fromkeys(text.split())]
                db.execute(marks.insert(), rows)
