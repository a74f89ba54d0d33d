"""A class from hand-ins to rows: what runs, what is known, what is kept, what the page and the exports say."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from grader.batch.classroom import Classroom, Plan
from grader.batch.desk import worked
from grader.batch.finish import ClassFiles
from grader.batch.order import Order, Outcome
from grader.batch.places import ClassFolder
from grader.batch.rejudging import Rejudging
from grader.batch.task import Desk, Task, Work
from grader.execute.bundle import write_bundle
from grader.gradebook.book import Gradebook, opened
from grader.load.submission import load_submission
from grader.model.assignment import Assignment
from grader.model.classroom import Handin, Refused, Roll, Student, Worked
from grader.pipeline import Graded, rejudge
from tests.batch.here import Here
from tests.conftest import Recorded


@dataclass
class StoredDesk(Desk):
    """Gives every file the same stored verdict, and says which files it was asked about."""

    order: Order
    recorded: Recorded
    asked: list[str] = field(default_factory=list)
    faulty: set[str] = field(default_factory=set)

    @contextmanager
    def opened(self) -> Iterator[Work]:
        yield self._work

    def _work(self, task: Task) -> Worked:
        self.asked.append(task.path.name)
        if task.path.name in self.faulty:
            return Worked(None, "not graded: no kernel came up", fault=True)
        return worked(task, self._graded, self.order)

    def _graded(self) -> Graded:
        submission, recording = self.recorded
        return Graded(rejudge(submission, self.order.assignment, recording), submission, recording)


@dataclass
class School:
    """A class on the disk, and one way to grade it."""

    folder: Path
    order: Order
    desk: StoredDesk
    book: Gradebook
    students: dict[str, Path] = field(default_factory=dict)

    @property
    def place(self) -> ClassFolder:
        return ClassFolder(self.folder / "out")

    def hands_in(self, key: str, code: str) -> None:
        path = self.folder / "in" / key / "lab.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
        self.students[key] = path

    def grade(self, *, force: bool = False, refused: tuple[Refused, ...] = ()) -> tuple[Plan, list[Outcome]]:
        handins = tuple(Handin(Student(key, key.title()), path, key) for key, path in self.students.items())
        classroom = Classroom(self.order, self.place, self.book, force=force)
        plan = classroom.plan(Roll(handins, refused, missing=(Student("zoe", "Zoe"),)))
        return plan, list(classroom.grade(plan, Here(self.desk, 1), lambda handin: None))

    def finish(self) -> list[dict[str, str]]:
        ClassFiles(self.order, self.place, self.book).write([])
        with (self.place.root / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def school(nine: Assignment, example: Recorded, tmp_path: Path) -> Iterator[School]:
    order = Order(nine, out=tmp_path / "out", formats=("html", "json", "csv"), keep_evidence=True)
    (tmp_path / "out").mkdir()
    with opened(tmp_path / "out" / "gradebook.sqlite") as book:
        yield School(tmp_path, order, StoredDesk(order, example), book)


POINTS = "8.45"


def test_what_was_graded_is_whole_before_its_row(school: School) -> None:
    school.hands_in("ana", "print(1)\n")
    _, (outcome,) = school.grade()
    assert {path.name for path in outcome.written} == {"ana.report.html", "ana.report.json"}
    (row,) = [row for row in school.book.class_record(school.order.assignment).rows if row.key == "ana"]
    assert row.report and (school.place.root / row.report).exists()
    (stored,) = school.book.stored()
    assert stored.evidence and (school.place.root / stored.evidence).exists()


def test_a_second_run_does_only_what_is_new(school: School) -> None:
    school.hands_in("ana", "print(1)\n")
    school.grade()
    school.hands_in("ion", "print(2)\n")
    plan, outcomes = school.grade()
    assert [item.handin.student.key for item in plan.known] == ["ana"]
    assert len(school.desk.asked) == 2 and [outcome.shown for outcome in outcomes] == ["ion"]


def test_what_was_not_graded_is_tried_again(school: School) -> None:
    school.hands_in("ana", "print(1)\n")
    school.desk.faulty = {"lab.py"}
    _, (outcome,) = school.grade()
    assert outcome.grade is None
    assert [(row["status"], row["points"]) for row in school.finish() if row["key"] == "ana"] == [
        ("not_graded", "")
    ]
    school.desk.faulty = set()
    school.grade()
    assert [(row["status"], row["points"]) for row in school.finish() if row["key"] == "ana"] == [
        ("graded", POINTS)
    ]


def test_force_grades_again_and_keeps_what_was_there(school: School) -> None:
    school.hands_in("ana", "print(1)\n")
    school.grade()
    plan, _ = school.grade(force=True)
    assert len(plan.to_run) == 1 and len(school.desk.asked) == 2
    assert sum(event.kind == "graded" for event in school.book.history("ana")) == 2


def test_the_same_file_from_two_students_runs_once(school: School) -> None:
    for key in ("ana", "ion"):
        school.hands_in(key, "print(1)\n")
    _, outcomes = school.grade()
    assert len(school.desk.asked) == 1 and len(outcomes) == 2
    rows = {row["key"]: row for row in school.finish()}
    assert rows["ana"]["points"] == rows["ion"]["points"] == POINTS
    assert (school.place.students / "ion.report.html").exists()


def test_nobody_is_dropped(school: School) -> None:
    school.hands_in("ana", "print(1)\n")
    school.hands_in("ion", "# only a comment\n")
    _, outcomes = school.grade(refused=(Refused("eva/lab.pdf", "only lab.pdf", Student("eva", "Eva")),))
    assert [outcome.problem is not None for outcome in outcomes] == [True, False]
    status = {row["key"]: row["status"] for row in school.finish()}
    assert status == {"ana": "graded", "eva": "refused", "ion": "refused", "zoe": "missing"}


def test_an_override_shows_in_every_file_and_outlives_new_attempts(school: School) -> None:
    school.hands_in("ana", "print(1)\n")
    school.grade()
    school.book.override("ana", 5, 1.0, reason="seen in class", who="tester")
    school.finish()
    assert "seen in class" in (school.place.students / "ana.report.html").read_text()
    school.hands_in("ana", "print(3)\n")
    school.grade()
    (row,) = [row for row in school.finish() if row["key"] == "ana"]
    assert (row["points"], row["ex5"], row["attempts"]) == ("8.65", "1", "2")
    told = json.loads((school.place.students / "ana.report.json").read_text())
    assert told["points"] == 8.65
    page = (school.place.root / "class.html").read_text()
    assert "seen in class" in page and "8.65" in page


def test_a_report_that_was_lost_is_written_again(school: School) -> None:
    school.hands_in("ana", "print(1)\n")
    school.grade()
    (school.place.students / "ana.report.html").unlink()
    school.finish()
    assert "</html>" in (school.place.students / "ana.report.html").read_text()


def test_similar_pairs_are_found_once_and_kept(school: School, example: Recorded) -> None:
    source = Path(__file__).resolve().parents[2] / "reference" / "solution.py"
    for key in ("ana", "ion"):
        school.hands_in(key, source.read_text() + f"# {key}\n")
    plan, _ = school.grade()
    files = ClassFiles(school.order, school.place, school.book)
    record, _ = files.write(plan.prepared)
    assert [(pair.first, pair.second) for pair in record.pairs] == [("ana", "ion")]
    again, _ = files.write()
    assert again.pairs == record.pairs


# ---------------------------------------------------------------- judged again


def without_a_check(assignment: Assignment, number: int, factor: float) -> Assignment:
    """The rubric with one exercise's weights changed."""
    exercises = tuple(
        spec.model_copy(
            update={"checks": tuple(c.model_copy(update={"weight": c.weight * factor}) for c in spec.checks)}
        )
        if spec.number == number
        else spec
        for spec in assignment.exercises
    )
    return assignment.model_copy(update={"exercises": exercises})


def judged_again(school: School, assignment: Assignment) -> Rejudging:
    return Rejudging(replace(school.order, assignment=assignment), school.place, school.book)


Judge = Callable[[Rejudging], list[tuple[str, ...]]]


@pytest.fixture
def judge(school: School) -> Judge:
    from grader.batch.desk import JudgingDesk

    def run(rejudging: Rejudging) -> list[tuple[str, ...]]:
        there, lost = rejudging.stored()
        assert not lost
        order = rejudging._order
        judged = list(rejudging.judge(there, Here(JudgingDesk(order), 1), lambda task: None))
        for one in judged:
            rejudging.keep(one)
        return [one.changes for one in judged]

    return run


def test_the_same_rubric_changes_nobody(school: School, judge: Judge) -> None:
    school.hands_in("ana", "print(1)\n")
    school.grade()
    before = (school.place.students / "ana.report.html").stat().st_mtime_ns
    assert judge(judged_again(school, school.order.assignment)) == [()]
    assert (school.place.students / "ana.report.html").stat().st_mtime_ns == before


def test_a_changed_rubric_says_who_changes_and_why_and_overrides_stand(school: School, judge: Judge) -> None:
    school.hands_in("ana", "print(1)\n")
    school.grade()
    school.book.override("ana", 5, 0.9, reason="seen", who="tester")
    stricter = without_a_check(school.order.assignment, 5, 0.5)
    ((change,),) = judge(judged_again(school, stricter))
    assert change.startswith("exercise 5: 0.8 → 0.4") and "ex5." in change
    (row,) = [row for row in school.book.class_record(stricter).rows if row.key == "ana"]
    (five,) = [exercise for exercise in row.exercises if exercise.number == 5]
    assert (five.points, five.machine_points, five.overridden, five.conflict) == (0.9, 0.4, True, True)


def test_evidence_that_is_gone_is_said(school: School) -> None:
    school.hands_in("ana", "print(1)\n")
    school.grade()
    for bundle in school.place.evidence.iterdir():
        bundle.unlink()
    there, lost = judged_again(school, school.order.assignment).stored()
    assert not there and [one.student for one in lost] == ["ana"]


def test_stored_evidence_is_handed_in_like_any_file(school: School, example: Recorded) -> None:
    path = school.folder / "ana.evidence.zip"
    write_bundle(path, *example)
    school.students["ana"] = path
    plan, (outcome,) = school.grade()
    assert outcome.grade is not None and plan.to_run[0].expected == 0.0


def test_hand_ins_are_read_before_anything_runs(school: School) -> None:
    school.hands_in("ana", "print(1)\n")
    plan, _ = school.grade()
    assert plan.to_run[0].submission == load_submission(school.students["ana"])
