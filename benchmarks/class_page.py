"""How long an instructor waits for the class page, and for its table to be sorted and filtered.

python benchmarks/class_page.py [--students 500] [--rounds 7]

Headless Chromium opens the page from its file, each time with an empty profile, as a browser that has just been
started does. `opened` is the end of the load event since the navigation began (Navigation Timing), `painted` the first
contentful paint, `sorted` and `filtered` go from the click or the keystroke to the frame after it, layout included.
`cpu_ms` is what the page's main thread computed for each: on a busy machine, it means more than the wall time.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from grader.report.class_page import to_class_page
from tests.report.browser import Tab, opened
from tests.report.class_sample import class_record

GOALS = {"opened": 1000.0, "painted": 1000.0, "sorted": 100.0, "filtered": 100.0}
"""Milliseconds."""
FRAME = "new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
SEEN = """(async () => {
  const navigation = performance.getEntriesByType("navigation")[0];
  const paint = await new Promise(done => new PerformanceObserver(list => done(
    list.getEntriesByName("first-contentful-paint")[0])).observe({type: "paint", buffered: true}));
  return {opened: navigation.loadEventEnd, painted: paint.startTime};
})()"""


def after(act: str) -> str:
    """JavaScript that does `act` and gives the milliseconds until the frame after it."""
    timed = f"const began = performance.now(); {act}; await {FRAME}; return performance.now() - began"
    return f"(async () => {{ {timed} }})()"


SORTS = [after(f"document.querySelector('#table thead th:nth-child({n}) button').click()") for n in (1, 3, 9)]
FILTER = after(
    "const field = document.getElementById('filter-text'); field.value = 'ana';"
    "field.dispatchEvent(new Event('input', {bubbles: true}))"
)


def busy(tab: Tab) -> float:
    """Milliseconds that the page's main thread has computed so far."""
    metrics = {one["name"]: one["value"] for one in tab.call("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"]) * 1000


def measured(tab: Tab, page: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Milliseconds of one opening, and of its main thread; of sorting, the slowest of three columns counts."""
    tab.call("Performance.disable")
    tab.call("Performance.enable", timeDomain="threadTicks")
    marks = [busy(tab)]
    tab.open(page)
    wall: dict[str, float] = tab.value(SEEN)
    marks.append(busy(tab))
    acts = []
    for act in (*SORTS, FILTER):
        acts.append(tab.value(act))
        marks.append(busy(tab))
    opening, *sorting, filtering = (after - before for before, after in pairwise(marks))
    cpu = {"opened": opening, "sorted": max(sorting), "filtered": filtering}
    return {**wall, "sorted": max(acts[:-1]), "filtered": acts[-1]}, cpu


def openings(page: Path, rounds: int) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
    for _ in range(rounds):
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
            opened(Path(profile), "--window-size=1300,900") as tab,
        ):
            yield measured(tab, page)


def summary(rounds: Sequence[dict[str, float]], of: Callable[[Iterator[float]], float]) -> dict[str, float]:
    return {name: round(of(one[name] for one in rounds), 1) for name in rounds[0]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--students", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    record = class_record(options.students)
    began = time.process_time()
    html = to_class_page(record)
    made = time.process_time() - began
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "class.html")
        page.write_text(html, encoding="utf-8")
        rounds = list(openings(page, options.rounds))
    walls, cpus = zip(*rounds, strict=True)
    medians = summary(walls, statistics.median)
    print(
        json.dumps(
            {
                "machine": platform.machine(),
                "students": options.students,
                "page_kib": round(len(html.encode()) / 1024),
                "made_cpu_s": round(made, 2),
                "median_ms": medians,
                "most_ms": summary(walls, max),
                "cpu_ms": summary(cpus, statistics.median),
                "goal_met": {name: medians[name] <= goal for name, goal in GOALS.items()},
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
