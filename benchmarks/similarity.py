"""What the search for alike pairs finds, what it names wrongly, and how long it takes.

python benchmarks/similarity.py [--students 500]

Independent works are the corpus's correct cases; copies are made of them by `tests/similarity/copying.py`. Prints
tables; `docs/similarity.md` holds them.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from grader.handout import handout_cells  # noqa: E402  # the tests' copier lies beside the package
from grader.load.assignment import default_assignment_folder, load_assignment  # noqa: E402
from grader.load.submission import load_submission  # noqa: E402
from grader.model.submission import Cell  # noqa: E402
from grader.similarity.pairs import Work, alike  # noqa: E402
from tests.similarity.copying import DISGUISES, Sources, exercises, renamed, with_exercise  # noqa: E402

CORPUS = HERE.parent / "tests" / "corpus"
Works = dict[str, Sources]
Pairs = set[frozenset[str]]


def cases(kind: str) -> Works:
    """Name of a corpus case → its code cells."""
    files = (file for file in sorted(CORPUS.glob("**/expect.toml")) if _kind(file) == kind)
    return {file.parent.name: _sources(file.parent) for file in files}


def _kind(file: Path) -> str:
    return str(tomllib.loads(file.read_text(encoding="utf-8"))["kind"])


def _sources(folder: Path) -> Sources:
    (file,) = (file for file in folder.iterdir() if file.stem == "submission")
    return tuple(cell.source for cell in load_submission(file).code_cells)


def given() -> list[str]:
    """The handout's code and the support modules."""
    assignment = load_assignment(default_assignment_folder())
    starters = [cell.source for cell in handout_cells(assignment) if cell.kind == "code"]
    return starters + [
        path.read_text(encoding="utf-8") for path in assignment.support if path.suffix == ".py"
    ]


def class_of(works: Works) -> list[Work]:
    return [
        Work(key, tuple(Cell(kind="code", source=one, number=at) for at, one in enumerate(sources, 1)))
        for key, sources in works.items()
    ]


def named(works: Works, handout: Sequence[str]) -> Pairs:
    """The pairs that are shown of a class."""
    return {frozenset((pair.first, pair.second)) for pair in alike(class_of(works), handout, most=10**6)}


def independent(works: Works, handout: Sequence[str]) -> Pairs:
    print("## Independent works\n\n| class | pairs | shown |\n|---|---|---|")
    found = named(works, handout)
    print(f"| {len(works)} correct cases | {len(works) * (len(works) - 1) // 2} | {len(found)} |")
    for label, size, part in (("of 5", 5, 1.0), ("of 12", 12, 1.0), ("of 12, half done", 12, 0.5)):
        chance = random.Random(size)
        drawn = [dict(chance.sample(sorted(works.items()), size)) for _ in range(20)]
        shown = [named(_begun(one, part), handout) - found for one in drawn]
        print(f"| 20 classes {label} | {10 * size * (size - 1)} | {sum(map(len, shown))} more |", flush=True)
    print(*("\nShown: " + " and ".join(f"`{name}`" for name in sorted(pair)) + "." for pair in found))
    return found


def _begun(works: Works, part: float) -> Works:
    """The first part of each work's lines."""
    return {name: _first_lines(sources, part) for name, sources in works.items()}


def _first_lines(sources: Sources, part: float) -> Sources:
    left = round(part * sum(source.count("\n") + 1 for source in sources))
    kept = []
    for source in sources:
        kept.append("\n".join(source.split("\n")[: max(0, left)]))
        left -= source.count("\n") + 1
    return tuple(kept)


def whole_copies(works: Works, handout: Sequence[str], known: Pairs) -> None:
    print("\n## Everybody's work copied whole by somebody\n\n| how | found | others shown |\n|---|---|---|")
    for name, disguise in DISGUISES.items():
        copies = {f"copy of {key}": disguise(works[key], random.Random(name + key)) for key in works}
        shown = named(works | copies, handout)
        found = [pair for pair in shown if len(_origins(pair)) == 1]
        others = {_origins(pair) for pair in shown} - known - {_origins(pair) for pair in found}
        print(f"| {name.replace('_', ' ')} | {len(found)}/{len(works)} | {len(others)} |", flush=True)


def _origins(pair: frozenset[str]) -> frozenset[str]:
    return frozenset(name.removeprefix("copy of ") for name in pair)


def mutants(works: Works, handout: Sequence[str]) -> None:
    """The corpus's mutants are correct cases with one change; ten at a time join the class."""
    made = cases("mutant")
    chosen = random.Random(1).sample(sorted(made), 60)
    found = 0
    for at in range(0, 60, 10):
        joined = {f"mutant {name}": made[name] for name in chosen[at : at + 10]}
        members: set[str] = set().union(*named(works | joined, handout))
        found += len(members & joined.keys())
    print(f"| 60 of the corpus's mutants | {found}/60 | |", flush=True)


def one_exercise(works: Works, handout: Sequence[str], known: Pairs) -> None:
    print("\n## One exercise copied, its names changed\n\n| exercise | found | others shown |\n|---|---|---|")
    marked = sorted(key for key, sources in works.items() if len(exercises(sources)) == 9)
    half = len(marked) // 2
    for number in range(1, 10):
        found = others = 0
        for seed in range(4):
            chance = random.Random(f"{number} {seed}")
            mixed = chance.sample(marked, 2 * half)
            pairs = list(zip(mixed[:half], mixed[half:], strict=True))
            taken = {
                thief: renamed(with_exercise(works[victim], number, works[thief]), chance)
                for victim, thief in pairs
            }
            shown, thefts = named(works | taken, handout), set(map(frozenset, pairs))
            found, others = found + len(shown & thefts), others + len(shown - thefts - known)
        print(f"| {number} | {found}/{4 * half} | {others} |", flush=True)


def duration(works: Works, handout: Sequence[str], students: int) -> None:
    names = list(works)
    disguises: list[Callable[[Sources, random.Random], Sources]] = list(DISGUISES.values())
    chance = random.Random(0)
    crowd = {
        f"{at:05}": chance.choice(disguises)(works[names[at % len(names)]], chance) for at in range(students)
    }
    start = time.process_time()
    pairs = alike(class_of(crowd), handout)
    seconds = time.process_time() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    right = sum(int(pair.first) % len(names) == int(pair.second) % len(names) for pair in pairs)
    print(f"## {students} students\n\n{seconds:.1f} s of CPU, {megabytes:.0f} MB at most.", flush=True)
    print(f"{right} of the {len(pairs)} pairs shown are copies.\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=500)
    students = parser.parse_args().students
    works, handout = cases("correct"), given()
    duration(works, handout, students)
    known = independent(works, handout)
    whole_copies(works, handout, known)
    mutants(works, handout)
    one_exercise(works, handout, known)


if __name__ == "__main__":
    main()
