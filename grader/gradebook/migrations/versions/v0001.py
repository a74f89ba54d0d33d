"""The first version: people, results, attempts, and what instructors say about them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

# SQLite counts rows by itself only where the key is called INTEGER.
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _people()
    _results()
    _attempts()
    _sayings()


def _people() -> None:
    """Who is in the class, and what is asked of them."""
    op.create_table(
        "assignments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("rule", sa.String(length=16), nullable=False),
        sa.Column("exercises", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignments")),
    )
    op.create_table(
        "students",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("ids", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_students")),
        sa.UniqueConstraint("key", name=op.f("uq_students_key")),
    )
    op.create_table(
        "identities",
        sa.Column("id", _ID, nullable=False),
        sa.Column("student_id", _ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_identities_student_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identities")),
        sa.UniqueConstraint("student_id", "kind", "value", name=op.f("uq_identities_student_id_kind_value")),
    )
    op.create_index(op.f("ix_identities_student_id"), "identities", ["student_id"], unique=False)
    op.create_index("ix_identities_value", "identities", ["value"], unique=False)
    op.create_table(
        "standings",
        sa.Column("student_id", _ID, nullable=False),
        sa.Column("assignment_id", sa.Text(), nullable=False),
        sa.Column("standing", sa.String(length=16), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name=op.f("fk_standings_assignment_id")
        ),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_standings_student_id")),
        sa.PrimaryKeyConstraint("student_id", "assignment_id", name=op.f("pk_standings")),
    )


def _results() -> None:
    """What the machine found; a grade's body apart from the columns a class page reads."""
    op.create_table(
        "results",
        sa.Column("id", _ID, nullable=False),
        sa.Column("submission", sa.Text(), nullable=False),
        sa.Column("assignment_key", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("grader", sa.Text(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("points", sa.Float(), nullable=True),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("judged_from", _ID, nullable=True),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("processor_s", sa.Float(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["judged_from"], ["results.id"], name=op.f("fk_results_judged_from")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_results")),
        sa.UniqueConstraint(
            "submission",
            "assignment_key",
            "seed",
            "device",
            "grader",
            "turn",
            name=op.f("uq_results_submission_assignment_key_seed_device_grader_turn"),
        ),
    )
    op.create_table(
        "grades",
        sa.Column("result_id", _ID, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["result_id"], ["results.id"], name=op.f("fk_grades_result_id")),
        sa.PrimaryKeyConstraint("result_id", name=op.f("pk_grades")),
    )


def _attempts() -> None:
    """Who handed in what, and which result stands for it."""
    op.create_table(
        "attempts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("student_id", _ID, nullable=False),
        sa.Column("assignment_id", sa.Text(), nullable=False),
        sa.Column("submission", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("result_id", _ID, nullable=True),
        sa.Column("tried_id", _ID, nullable=True),
        sa.Column("report", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name=op.f("fk_attempts_assignment_id")
        ),
        sa.ForeignKeyConstraint(["result_id"], ["results.id"], name=op.f("fk_attempts_result_id")),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_attempts_student_id")),
        sa.ForeignKeyConstraint(["tried_id"], ["results.id"], name=op.f("fk_attempts_tried_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint(
            "student_id",
            "assignment_id",
            "submission",
            name=op.f("uq_attempts_student_id_assignment_id_submission"),
        ),
    )
    op.create_index(op.f("ix_attempts_assignment_id"), "attempts", ["assignment_id"], unique=False)
    op.create_table(
        "handins",
        sa.Column("id", _ID, nullable=False),
        sa.Column("attempt_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("handed_in", sa.DateTime(timezone=True), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=True),
        sa.Column("remarks", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_handins_attempt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handins")),
    )
    op.create_index(op.f("ix_handins_attempt_id"), "handins", ["attempt_id"], unique=False)


def _sayings() -> None:
    """What instructors said, and everything that was changed."""
    op.create_table(
        "overrides",
        sa.Column("id", _ID, nullable=False),
        sa.Column("student_id", _ID, nullable=False),
        sa.Column("assignment_id", sa.Text(), nullable=False),
        sa.Column("exercise", sa.Integer(), nullable=False),
        sa.Column("points", sa.Float(), nullable=True),
        sa.Column("machine_points", sa.Float(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name=op.f("fk_overrides_assignment_id")
        ),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_overrides_student_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_overrides")),
    )
    op.create_index(
        "ix_overrides_assignment_id_student_id", "overrides", ["assignment_id", "student_id"], unique=False
    )
    op.create_table(
        "comments",
        sa.Column("id", _ID, nullable=False),
        sa.Column("student_id", _ID, nullable=False),
        sa.Column("assignment_id", sa.Text(), nullable=False),
        sa.Column("exercise", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name=op.f("fk_comments_assignment_id")
        ),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_comments_student_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comments")),
    )
    op.create_index(
        "ix_comments_assignment_id_student_id", "comments", ["assignment_id", "student_id"], unique=False
    )
    op.create_table(
        "events",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("student_id", _ID, nullable=False),
        sa.Column("assignment_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignments.id"], name=op.f("fk_events_assignment_id")),
        sa.ForeignKeyConstraint(["student_id"], ["students.id"], name=op.f("fk_events_student_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_student_id"), "events", ["student_id"], unique=False)
