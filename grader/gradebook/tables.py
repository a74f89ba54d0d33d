"""The tables, in SQL that SQLite and PostgreSQL share.

Results, hand-ins, overrides, comments and events are only ever added to. What changes in place is which result
stands for an attempt, where its report lies, and what the last roll said of a student.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_UNSTORABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def storable(text: str) -> str:
    """`text` with control characters and lone surrogates spelt out: PostgreSQL refuses some of them.

    They are spelt, not replaced, so that two names that differ stay different.
    """
    return _UNSTORABLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


class Plain(TypeDecorator[str]):
    """Text, made storable on its way in, values to compare with included."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class Utc(TypeDecorator[datetime]):
    """A point in time; SQLite keeps no time zone, so UTC is what both hold."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value if value is None else value.astimezone(UTC)
        return value.replace(tzinfo=UTC)


# SQLite counts rows by itself only where the key is called INTEGER.
_ID = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

assignments = Table(
    "assignments",
    metadata,
    Column("id", Plain, primary_key=True),
    Column("title", Plain, nullable=False),
    Column("version", Plain, nullable=False),
    Column("rule", String(16), nullable=False, doc="which attempt counts: `latest`, `best` or `first`"),
    Column("exercises", Plain, nullable=False, doc="JSON: a list of `ExerciseInfo`"),
)

students = Table(
    "students",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("key", Plain, nullable=False, unique=True),
    Column("name", Plain, nullable=False),
    Column("email", Plain, nullable=False),
    Column("ids", Plain, nullable=False, doc="JSON: platform → the id that was given last"),
)

identities = Table(
    "identities",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("student_id", ForeignKey("students.id"), nullable=False, index=True),
    Column("kind", Plain, nullable=False, doc="`key`, `email`, `name`, or a platform"),
    Column("value", Plain, nullable=False, doc="emails and names folded"),
    UniqueConstraint("student_id", "kind", "value"),
    Index("ix_identities_value", "value"),
)

standings = Table(
    "standings",
    metadata,
    Column("student_id", ForeignKey("students.id"), primary_key=True),
    Column("assignment_id", ForeignKey("assignments.id"), primary_key=True),
    Column(
        "standing", String(16), nullable=False, doc="`handed_in`, `refused` or `missing`, by the last roll"
    ),
    Column("shown", Plain, nullable=False),
    Column("reason", Plain, nullable=False),
)

results = Table(
    "results",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("submission", Plain, nullable=False),
    Column("assignment_key", Plain, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("device", Plain, nullable=False),
    Column("grader", Plain, nullable=False),
    Column("turn", Integer, nullable=False, doc="results under the same key that came before"),
    Column("run", Plain, nullable=False, doc="the forced run that it belongs to, or empty"),
    Column("status", String(16), nullable=False),
    Column("points", Float),
    Column("line", Plain, nullable=False, doc="JSON: `Line`"),
    Column("digest", String(64), nullable=False, doc="`verdict_digest` of the grade, or empty"),
    Column("problem", Plain, nullable=False),
    Column("evidence", Plain),
    Column("judged_from", ForeignKey("results.id")),
    Column("seconds", Float, nullable=False),
    Column("processor_s", Float, nullable=False),
    Column("worker", Plain, nullable=False),
    Column("at", Utc, nullable=False),
    UniqueConstraint("submission", "assignment_key", "seed", "device", "grader", "turn"),
)

# Apart from their results, so that what reads the short columns of a class does not page through megabytes.
grades = Table(
    "grades",
    metadata,
    Column("result_id", ForeignKey("results.id"), primary_key=True),
    Column("body", LargeBinary, nullable=False, doc="zlib over the JSON of a `Grade`"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("student_id", ForeignKey("students.id"), nullable=False),
    Column("assignment_id", ForeignKey("assignments.id"), nullable=False, index=True),
    Column("submission", Plain, nullable=False),
    Column("sha256", Plain, nullable=False),
    Column("result_id", ForeignKey("results.id"), doc="the result that stands"),
    Column("tried_id", ForeignKey("results.id"), doc="the last try, which may not have been graded"),
    Column("report", Plain),
    UniqueConstraint("student_id", "assignment_id", "submission"),
)

handins = Table(
    "handins",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("attempt_id", ForeignKey("attempts.id"), nullable=False, index=True),
    Column("name", Plain, nullable=False),
    Column("shown", Plain, nullable=False),
    Column("origin", Plain, nullable=False),
    Column("handed_in", Utc),
    Column("late", Boolean),
    Column("remarks", Plain, nullable=False, doc="JSON: a list of sentences"),
)

overrides = Table(
    "overrides",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("student_id", ForeignKey("students.id"), nullable=False),
    Column("assignment_id", ForeignKey("assignments.id"), nullable=False),
    Column("exercise", Integer, nullable=False),
    Column("points", Float, doc="null: from here on the machine's points count again"),
    Column("machine_points", Float),
    Column("reason", Plain, nullable=False),
    Column("who", Plain, nullable=False),
    Column("at", Utc, nullable=False),
    Index("ix_overrides_assignment_id_student_id", "assignment_id", "student_id"),
)

comments = Table(
    "comments",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("student_id", ForeignKey("students.id"), nullable=False),
    Column("assignment_id", ForeignKey("assignments.id"), nullable=False),
    Column("exercise", Integer, doc="null: on the submission as a whole"),
    Column("text", Plain, nullable=False),
    Column("who", Plain, nullable=False),
    Column("at", Utc, nullable=False),
    Index("ix_comments_assignment_id_student_id", "assignment_id", "student_id"),
)

events = Table(
    "events",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("who", Plain, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("what", Plain, nullable=False),
    Column("why", Plain, nullable=False),
    Column("student_id", ForeignKey("students.id"), nullable=False, index=True),
    Column("assignment_id", ForeignKey("assignments.id")),
)


def added(connection: Connection, table: Table, values: dict[str, Any]) -> int:
    """Insert a row; its number."""
    return int(connection.execute(insert(table).values(values).returning(table.c.id)).scalar_one())
