"""Checks about looking at the data and preparing it (exercises 1 and 2)."""

from __future__ import annotations

import re
from unicodedata import combining, normalize

import numpy as np

from grader.check.case import Case, Options, failed, missing, partly, passed
from grader.check.numbers import PrintedNumber, printed_numbers
from grader.model.evidence import KnownArray, Split
from grader.model.finding import Finding

_FEATURE_WORD = re.compile(
    r"feature|dimens|column|coord|axis|axes|attribute|variable|shape|size|dim\b|ndim|second|"
    r"caracteristi|caratteristic|trasatur|merkmal|kenmerk|rasgo|cecha?\b|cechy|"
    r"coloan|colonn|columna|coluna|spalte|kolom|kolumn|koordina|wymiar|"
    r"doua\b|segund|deuxi|zweite|seconda|tweede|drugi",
    re.IGNORECASE,
)
"""In text without accents."""
_TWO_IN_WORDS = re.compile(r"\b(two|doua|doi|dos|deux|zwei|due|duas|dois|twee|dwie|dwa)\b", re.IGNORECASE)
_ABOUT_LABELS = re.compile(r"class|label|etichet|clase|klasse|unique|epoch|layer|circle", re.IGNORECASE)
_NO_ANSWER = re.compile(
    r"shape\[-?\d\]|[(\[][\d\s,]*[)\]]"  # an index, a tuple: `X.shape[1]`, `(2000, 2)`
    r"|\b\d+\s*(?:rows\s*)?(?:[x×]|by)\s*\d+(?:\s*columns)?\b"  # the same as `2000 x 2`
    r"|\b(?:ex|exc|exer\w*|step|section|part|chapter|cell|task|figure|question|problem|lab)\s*[#.:]?\s*\d+",
    re.IGNORECASE,
)
"""Numbers that stand in a line for another reason than to say how many features there are."""
_INDEXED_SHAPE = re.compile(r"(?:\w+\.)?(?:shape\[-?\d\]|size\(-?\d\))", re.IGNORECASE)
_COARSE = 1e-3
"""Half a unit of the last digit, above which (two decimals) numbers resemble the data by chance."""
_STANDALONE_TWO = re.compile(r"(?<![\d.,\-])2(?![\d.,)]*\d|[.)]\s)(?!\d)")


def shapes_shown(case: Case) -> Finding:
    """The output shows X as rows × features and y as rows."""
    rows, width = case.dataset.features.shape
    text = _plain(case.page.printed)
    whole = _shows_pair(text, rows, width + 1)
    features, labels = whole or _shows_pair(text, rows, width), whole or _shows_length(text, rows, width)
    expected = f"X shown as {rows} × {width} and y as {rows}"
    if features and labels:
        return passed(f"The output shows both shapes: {rows} × {width} for X and {rows} for y.")
    if features or labels:
        seen, unseen = ("X", "y") if features else ("y", "X")
        return partly(
            0.5,
            f"The output shows the shape of {seen}, but not of {unseen}.",
            expected,
            f"{seen} only",
            case.place,
        )
    if not case.page.cells:
        return missing("No cell that looks at the data was found.", expected)
    return failed("No output shows the shapes of X and y.", expected, "neither shape", case.place)


def features_answered(case: Case) -> Finding:
    """The second dimension is named, in output or in prose, apart from a bare shape."""
    width = case.dataset.features.shape[1]
    answer = _answer(case.page.printed, width) or _answer(case.page.prose, width, prose=True)
    expected = f"the number of features, {width}, said on its own"
    if answer:
        return passed(f"The second dimension of X is named: “{answer}”.")
    if not case.page.cells:
        return missing("No cell that looks at the data was found.", expected)
    return failed(
        "The question about X's second dimension is not answered: "
        "a bare shape alone does not say which number is meant.",
        expected,
        "no such answer in the output or the text",
        case.place,
    )


def values_shown(case: Case) -> Finding:
    """At least three true rows or values of the data appear in the output."""
    numbers = printed_numbers(case.page.printed)
    count = max(_rows_among(numbers, case.dataset.features), _run_of_values(numbers, case.dataset.features))
    expected = "at least 3 rows or values of the data"
    if count >= 3:
        return passed("The output shows values of the data.", f"{count} true rows or values")
    if not case.page.cells:
        return missing("No cell that looks at the data was found.", expected)
    return failed("The output shows too few values of the data.", expected, f"{count} found", case.place)


def tensors(case: Case) -> Finding:
    """Four floating tensors: features and labels, for training and for testing."""
    split = case.dataset.split
    expected = "four floating tensors: features and labels, train and test"
    if split is None:
        return missing("No train and test parts of the data were found.", expected, case.place)
    parts = [split.train_features, split.test_features, split.train_labels, split.test_labels]
    present = [part for part in parts if part is not None]
    arrays = [part for part in present if part.container != "tensor"]
    if arrays and not _trained_on(case):
        names = ", ".join(part.name for part in arrays)
        return failed(f"{names}: still NumPy arrays, not tensors.", expected, "NumPy arrays", arrays[0].where)
    odd = [part for part in present if part.container == "tensor" and not _usable(part, case)]
    if odd:
        return failed(
            f"`{odd[0].name}` is {odd[0].dtype}, which the model cannot use.",
            expected,
            odd[0].dtype,
            odd[0].where,
        )
    return passed(
        "Features and labels are tensors that the model can use.",
        present[0].dtype,
        split.train_features.where,
    )


class SplitOptions(Options):
    low: float = 0.10
    high: float = 0.40


def split_sizes(case: Case) -> Finding:
    """The parts add up, neither is empty, and the test share is sensible."""
    options = case.read(SplitOptions)
    split, total = case.dataset.split, len(case.dataset.features)
    expected = f"two parts that add up to {total}, {options.low:.0%} to {options.high:.0%} of it for testing"
    if split is None:
        return missing("No train and test parts of the data were found.", expected, case.place)
    train, test = split.train_features.shape[0], split.test_features.shape[0]
    actual = f"{train} train and {test} test rows"
    share = test / (train + test)
    if train + test != total and not _third_part(split, case):
        return failed(
            "The two parts do not add up to the data.", expected, actual, split.train_features.where
        )
    if not options.low <= share <= options.high:
        return partly(
            0.5, f"{share:.0%} of the rows are for testing.", expected, actual, split.test_features.where
        )
    return passed("The data is split into train and test rows.", actual, split.train_features.where)


def aligned(case: Case) -> Finding:
    """Every row keeps its own label, none stands in both parts, none is lost."""
    split = case.dataset.split
    expected = "every row with its own label, in exactly one part"
    if split is None:
        return missing("No train and test parts of the data were found.", expected, case.place)
    where = split.train_features.where if split.source == "names" else case.place
    if split.overlap:
        return failed("Some rows stand in both parts.", expected, f"{split.overlap} rows in both", where)
    if split.lost and split.source == "names" and not _third_part(split, case):
        return failed("Some rows stand in neither part.", expected, f"{split.lost} rows lost", where)
    shares = [share for share in (split.aligned_train, split.aligned_test) if share is not None]
    if shares and min(shares) < 0.999:
        return failed(
            "Rows lost their own labels when the data was split.",
            expected,
            f"{min(shares):.0%} keep theirs",
            where,
        )
    return passed("Every row keeps its own label, and no row stands in both parts.", where=where)


def _plain(text: str) -> str:
    """Thousands without their comma, and `X.shape[1]` as a word: its index is no number of the data."""
    return _INDEXED_SHAPE.sub("shape", re.sub(r"\b(\d),(\d{3})\b", r"\1\2", text))


def _pair(rows: int, width: int) -> str:
    """A pattern for both numbers of a shape, in any wording; also in the summary that `DataFrame.info` gives."""
    of_labels = r"[^\S\n]*(?:class|clas[ae]|labels?\b(?!\s*[=:])|etichet)"
    worded = rf"(?<![\d.]){rows}\b[^\d.)\]]{{1,40}}?\b{width}\b(?!\.\d|{of_labels})"
    return rf"{worded}|\b{rows} entries[^\n]*\n[^\n]*total {width} columns"


def _shows_pair(text: str, rows: int, width: int) -> bool:
    return re.search(_pair(rows, width), text, re.IGNORECASE) is not None


def _shows_length(text: str, rows: int, width: int) -> bool:
    """`rows` appears otherwise than in X's shape."""
    rest = re.sub(_pair(rows, width), " ", text, flags=re.IGNORECASE)
    return re.search(rf"(?<![\d.]){rows}\b(?!\.\d| non-null)", rest) is not None


def _answer(text: str, width: int, prose: bool = False) -> str | None:
    """The line that names the number of features; None when no line does."""
    for line in text.splitlines():
        plain = _without_accents(line)
        bare = _NO_ANSWER.sub(" ", plain)
        named = _FEATURE_WORD.search(plain) is not None
        if named or (not prose and _bare_number(bare) and not _ABOUT_LABELS.search(bare)):
            number = _STANDALONE_TWO if width == 2 else re.compile(rf"(?<![\d.]){width}(?![\d.])")
            if number.search(bare) or (width == 2 and _TWO_IN_WORDS.search(bare)):
                return line.strip()[:120]
    return None


def _without_accents(text: str) -> str:
    return "".join(letter for letter in normalize("NFKD", text) if not combining(letter))


def _bare_number(line: str) -> bool:
    """One number, with one word before it at most: what `print(X.shape[1])` or `print("d =", 2)` shows."""
    return re.fullmatch(r"\W*(?:[^\W\d]+\W{1,4})?\d+\W*", line) is not None


def _rows_among(numbers: list[PrintedNumber], features: np.ndarray) -> int:
    """Distinct rows of the data whose values stand next to each other in the output."""
    width = features.shape[1]
    found: set[int] = set()
    coarse: list[tuple[int, set[int]]] = []
    for start in range(len(numbers) - width + 1):
        group = numbers[start : start + width]
        fits = np.ones(len(features), dtype=bool)
        for column, number in enumerate(group):
            fits &= np.abs(features[:, column] - number.value) <= number.slack
        if max(number.slack for number in group) > _COARSE:
            coarse.append((start, set(np.flatnonzero(fits).tolist())))
        elif 0 < fits.sum() <= 3:
            found.add(int(fits.argmax()))
    return len(found | _successive(coarse, width))


def _successive(groups: list[tuple[int, set[int]]], width: int) -> set[int]:
    """Of roughly printed rows, which many figures resemble, those that follow each other as in the data."""
    at = dict(groups)
    pairs = ((row, at.get(start + width, set())) for start, rows in groups for row in rows)
    return {each for row, following in pairs if row + 1 in following for each in (row, row + 1)}


def _run_of_values(numbers: list[PrintedNumber], features: np.ndarray) -> int:
    """The longest run of printed numbers that are consecutive values of one column."""
    best = 0
    for column in features.T:
        for start in range(len(numbers)):
            searched = column[: 200 if numbers[start].slack > _COARSE else len(column)]
            for row in np.flatnonzero(np.abs(searched - numbers[start].value) <= numbers[start].slack):
                best = max(best, _length_of_run(numbers[start:], column[row:]))
        if best >= 3:
            break
    return best


def _length_of_run(numbers: list[PrintedNumber], column: np.ndarray) -> int:
    length = 0
    for number, value in zip(numbers[:20], column, strict=False):
        if abs(number.value - value) > number.slack:
            break
        length += 1
    return length


def _trained_on(case: Case) -> bool:
    """A loop of the lab's went over this data, so tensors of it were made somewhere."""
    runs = (run for task in case.evidence.tasks.values() for run in task.runs)
    return any(run.dataset == case.dataset.spec.id and run.moved for run in runs)


def _usable(part: KnownArray, case: Case) -> bool:
    if part.dtype == "torch.float32":
        return True
    return _trained_on(case) or (part.dtype == "torch.float64" and _made_double(case))


def _made_double(case: Case) -> bool:
    return any(model.dtype == "torch.float64" for model in case.evidence.models)


def _third_part(split: Split, case: Case) -> bool:
    """A validation part holds what the two others do not."""
    if split.train_features.rows is None or split.test_features.rows is None:
        return False
    held = set(split.train_features.rows.tolist()) | set(split.test_features.rows.tolist())
    total = len(case.dataset.features)
    for array in case.dataset.arrays:
        if array.role == "features" and array.rows is not None and len(array.rows) < total:
            rest = set(array.rows.tolist())
            if not rest & held and len(rest | held) == total:
                return True
    return False
