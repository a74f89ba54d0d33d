"""Assignment folders: what is read, and how each mistake is named."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from grader.errors import BadAssignment
from grader.load.assignment import default_assignment_folder, load_assignment

DECLARED = """
id = "small"
title = "A small one"
version = "2.1"
base_points = 1.0
points_per_exercise = 1.0
seed = 7
earlier_classes = ["Perceptron"]
[limits]
cell_s = 5.0
[thresholds]
extra_runs = 2
[[dataset]]
id = "circles"
generator = "make_circles"
arguments = { n_samples = 100, random_state = 3 }
[[task]]
id = "line"
dataset = "circles"
outputs = 1
loss = "bce-with-logits"
model_exercise = 1
loss_exercise = 1
optimizer_exercise = 1
loop_exercise = 2
plot_exercise = 0
"""
FIRST = """
title = "First"
task = "line"
[[check]]
id = "ex1.a"
use = "model.module"
weight = 0.6
title = "It is a module"
hint = "Make one."
[[check]]
id = "ex1.b"
use = "model.linear-layers"
weight = 0.4
title = "It has two layers"
hint = "Count them."
needs = ["ex1.a"]
[check.options]
layers = 2
"""
SECOND = 'title = "Second"\ndataset = "circles"\ngraded = false\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "assignment.toml": DECLARED,
        "introduction.md": "# Hello\n",
        "support/b.py": "",
        "support/a.py": "",
        "support/notes.txt": "",
        "ex1/rubric.toml": FIRST,
        "ex1/statement.md": "Do **it**.",
        "ex1/starter.py": "# Ex 1\n",
        "ex2/rubric.toml": SECOND,
        "ex2/statement.md": "And more.",
        "extra/rubric.toml": 'number = 0\ntitle = "Extra"\ngraded = false\n',
        "extra/statement.md": "For fun.",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_everything_in_the_folder_is_read(folder: Path) -> None:
    assignment = load_assignment(folder)
    assert (assignment.id, assignment.version, assignment.seed, assignment.limits.cell_s) == (
        "small",
        "2.1",
        7,
        5.0,
    )
    assert assignment.introduction == "# Hello\n"
    assert [path.name for path in assignment.support] == ["a.py", "b.py"]
    assert [exercise.number for exercise in assignment.exercises] == [1, 2, 0]
    first = assignment.exercises[0]
    assert (first.title, first.statement, first.starter) == ("First", "Do **it**.", "# Ex 1\n")
    assert first.checks[1].needs == ("ex1.a",)
    assert first.checks[1].options == {"layers": 2}
    assert assignment.task("line").dataset == "circles"
    assert assignment.max_points == 1.0


def test_limits_are_the_assignments(folder: Path) -> None:
    declared = folder / "assignment.toml"
    usual = load_assignment(folder).limits
    assert (usual.processes, usual.open_files) == (64, 256)
    assert (usual.file_bytes, usual.disk_bytes) == (256 * 1024**2, 512 * 1024**2)
    assert (usual.cpu_s, usual.processor_s) == (None, 1200.0)
    lines = "processes = 8\nfile_bytes = 1000\ndisk_bytes = 3000\nopen_files = 20\ncpu_s = 7.5"
    declared.write_text(DECLARED.replace("cell_s = 5.0", lines))
    own = load_assignment(folder).limits
    assert (own.processes, own.file_bytes, own.disk_bytes, own.open_files) == (8, 1000, 3000, 20)
    assert own.processor_s == 7.5


def test_the_rule_for_attempts_and_the_deadline(folder: Path) -> None:
    usual = load_assignment(folder)
    assert (usual.attempts, usual.deadline) == ("latest", None)
    lines = 'seed = 7\nattempts = "best"\ndeadline = 2026-11-20T23:59:00+01:00'
    (folder / "assignment.toml").write_text(DECLARED.replace("seed = 7", lines))
    own = load_assignment(folder)
    assert (own.attempts, own.deadline) == ("best", datetime(2026, 11, 20, 22, 59, tzinfo=UTC))


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("assignment.toml", "seed = 7", 'attempts = "last"', "assignment.toml: attempts: input should be"),
        ("assignment.toml", "seed = 7", "deadline = 2026-11-20T23:59:00", "assignment.toml: deadline: input"),
        ("assignment.toml", "seed = 7", "deadline = 2026-11-20", "assignment.toml: deadline: input should"),
        ("assignment.toml", 'id = "small"', "id = ", "assignment.toml: not valid TOML"),
        ("assignment.toml", 'id = "small"\n', "", "assignment.toml: id: field required"),
        ("assignment.toml", 'id = "small"', 'id = "a/b"', "assignment.toml: id: only letters"),
        (
            "assignment.toml",
            "seed = 7",
            'seed = "x"',
            "assignment.toml: seed: input should be a valid integer",
        ),
        ("assignment.toml", "seed = 7", "sed = 7", "assignment.toml: sed: extra inputs"),
        ("assignment.toml", "seed = 7", 'exercises = "x"', "assignment.toml: exercises: unknown field"),
        ("assignment.toml", "base_points = 1.0", "base_points = nan", "assignment.toml: base_points: nan"),
        ("assignment.toml", "cell_s", "cell_m", "assignment.toml: limits.cell_m"),
        (
            "assignment.toml",
            "cell_s = 5.0",
            "processes = 0",
            "assignment.toml: limits.processes: input should be greater than 0",
        ),
        ("assignment.toml", "cell_s = 5.0", "cpu_s = nan", "assignment.toml: limits.cpu_s: input should be"),
        ("assignment.toml", "cell_s = 5.0", "disk_bytes = 1.5", "assignment.toml: limits.disk_bytes: input"),
        ("assignment.toml", "make_circles", "make_moons", "assignment.toml: dataset.0.generator"),
        (
            "assignment.toml",
            'dataset = "circles"',
            'dataset = "c"',
            "task line: dataset: 'c' is not declared",
        ),
        (
            "assignment.toml",
            "loop_exercise = 2",
            "loop_exercise = 4",
            "task line: loop_exercise: 4 is not declared",
        ),
        ("assignment.toml", "[limits]", "[[task]]\n[limits]", "assignment.toml: task.0.id: field required"),
        ("ex1/rubric.toml", 'title = "First"', 'titel = "First"', "ex1/rubric.toml: title: field required"),
        (
            "ex1/rubric.toml",
            'title = "First"',
            'number = 2\ntitle = "First"',
            "ex1/rubric.toml: number: is 2",
        ),
        ("ex1/rubric.toml", 'title = "First"', 'statement = "x"', "ex1/rubric.toml: statement and starter"),
        ("ex1/rubric.toml", '"line"', '"curve"', "ex1/rubric.toml: task: 'curve' is not declared"),
        (
            "ex1/rubric.toml",
            "weight = 0.6",
            "weight = 0.5",
            "ex1/rubric.toml: weight: the checks add up to 0.9",
        ),
        ("ex1/rubric.toml", "weight = 0.6", "weight = nan", "ex1/rubric.toml: check ex1.a: weight: nan"),
        ("ex1/rubric.toml", "weight = 0.6", "weight = -0.6", "ex1/rubric.toml: check ex1.a: weight: -0.6"),
        ("ex1/rubric.toml", "weight = 0.6\n", "", "ex1/rubric.toml: check ex1.a: weight: field required"),
        ("ex1/rubric.toml", 'id = "ex1.b"', 'id = "ex1.a"', "check id 'ex1.a' is used 2 times"),
        (
            "ex1/rubric.toml",
            'needs = ["ex1.a"]',
            'needs = ["ex9.z"]',
            "check ex1.b: needs: 'ex9.z' is not declared",
        ),
        ("ex1/rubric.toml", 'needs = ["ex1.a"]', 'needs = ["ex1.b"]', "check ex1.b: needs: leads back"),
        ("ex2/rubric.toml", '"circles"', '"moons"', "ex2/rubric.toml: dataset: 'moons' is not declared"),
        ("ex2/rubric.toml", "graded = false", "check = 3", "ex2/rubric.toml: check: write each as"),
        (
            "ex2/rubric.toml",
            "graded = false",
            "graded = true",
            "ex2/rubric.toml: weight: the checks add up to 0,",
        ),
    ],
)
def test_each_mistake_names_its_file_and_field(
    folder: Path, file: str, old: str, new: str, says: str
) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    with pytest.raises(BadAssignment) as refusal:
        load_assignment(folder)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("file", ["assignment.toml", "ex1/rubric.toml", "ex2/statement.md"])
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(BadAssignment, match=f"{file}: is missing"):
        load_assignment(folder)


def test_a_duplicate_dataset_is_named(folder: Path) -> None:
    again = '[[dataset]]\nid = "circles"\ngenerator = "make_blobs"\narguments = {}\n'
    (folder / "assignment.toml").write_text(DECLARED + again)
    with pytest.raises(BadAssignment, match="dataset id 'circles' is used 2 times"):
        load_assignment(folder)


def test_needs_in_a_circle_are_named(folder: Path) -> None:
    circle = FIRST.replace('hint = "Make one."', 'hint = "Make one."\nneeds = ["ex1.b"]')
    (folder / "ex1/rubric.toml").write_text(circle)
    with pytest.raises(BadAssignment, match="leads back to the check itself"):
        load_assignment(folder)


def test_a_folder_without_exercises_is_named(tmp_path: Path) -> None:
    (tmp_path / "assignment.toml").write_text(DECLARED)
    with pytest.raises(BadAssignment, match="no exercise folder"):
        load_assignment(tmp_path)


def test_a_file_that_is_not_text_is_named(folder: Path) -> None:
    (folder / "ex1/statement.md").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(BadAssignment, match=r"ex1/statement.md: is not UTF-8"):
        load_assignment(folder)


def test_weights_need_not_agree_where_the_assignment_does_not_say_so(folder: Path) -> None:
    (folder / "assignment.toml").write_text(DECLARED.replace("points_per_exercise = 1.0", ""))
    (folder / "ex1/rubric.toml").write_text(FIRST.replace("0.6", "2.6"))
    assert load_assignment(folder).max_points == 3.0


def test_the_assignment_that_comes_along_is_sound() -> None:
    assignment = load_assignment(default_assignment_folder())
    assert [exercise.number for exercise in assignment.exercises] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert assignment.max_points == 9.0
    assert assignment.points_per_exercise == 1.0
