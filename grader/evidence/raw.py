"""The recorder's events, checked field by field: what does not fit is dropped and counted, never trusted.

Events come from the student's process. Every text is bounded, every number finite or None, every array reference
must name an array that was read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from grader.model.submission import Where

Array = np.ndarray[Any, Any]

Text = Annotated[str, BeforeValidator(lambda value: value[:4000] if isinstance(value, str) else value)]
Stack = Annotated[list[tuple[int, int]], Field(max_length=400)]
Shape = Annotated[list[int], Field(max_length=16)]
Count = Annotated[int, Field(ge=0, le=10**12)]
Reference = str | None


class Raw(BaseModel):
    """`extra` is ignored so that a newer recorder can be read."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    cell: Count
    at: Stack = []

    @property
    def where(self) -> Where | None:
        """The innermost place of the student's."""
        return Where(cell=self.at[-1][0], line=self.at[-1][1]) if self.at else None

    @property
    def outer(self) -> Where:
        """The outermost place: the line of the cell that was running."""
        return Where(cell=self.at[0][0], line=self.at[0][1]) if self.at else Where(cell=self.cell)


class RawParameter(BaseModel):
    name: Text
    shape: Shape
    dtype: Text
    trainable: bool


class RawModel(Raw):
    kind: Literal["model"]
    model: Text
    class_name: Text = Field(alias="class")
    library_class: bool = False
    own_init: bool = True
    loose_layers: bool = False
    calls: Count = 0
    training: bool = True
    parameters: Annotated[list[RawParameter], Field(max_length=2000)] = []
    state: dict[str, Reference] = {}
    graph: dict[str, Any] | None = None
    constants: dict[str, Reference] = {}
    probe_rows: Reference = None
    probe_outputs: Reference = None
    untraceable: Text | None = None
    guessed_input: bool = False


class RawDetail(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    step: Count
    loss_shape: Shape = []
    leaf: bool = False
    after: Literal["Z", "B", "S"] | None = None
    grads_before: float | None = None
    grads_at_step: float | None = -1.0
    """-1 where no optimizer stepped after this backward pass."""
    moved: bool | None = None
    reached: Count = 0
    foreign: Count = 0
    grad: bool = True
    outputs_grad: bool = True
    again: bool = False
    """The graph of the loss before was walked once more."""
    parameters: Count = 0
    training: bool = True
    output_shape: Shape | None = None
    target: dict[str, Any] | None = None
    place: Stack = []


class RawOperation(BaseModel):
    op: Text
    saved: dict[str, Any] = {}
    depends: Annotated[list[bool], Field(max_length=64)] = []


class RawSnapshot(BaseModel):
    step: Count
    state: dict[str, Reference]


class RawRun(Raw):
    kind: Literal["run"]
    run: Text
    model: Text
    backwards: Count
    steps: Count
    resets: Count = 0
    order: Annotated[str, Field(max_length=64, pattern="^[ZBS]*$")] = ""
    optimizers: Annotated[list[Text], Field(max_length=1000)] = []
    details: Annotated[list[RawDetail], Field(max_length=100)] = []
    head: Annotated[list[RawOperation], Field(max_length=60)] = []
    losses: Reference = None
    batch_rows: Reference = None
    rows: Reference = None
    targets: Reference = None
    moved_at_end: bool | None = None
    snapshots: Annotated[list[RawSnapshot], Field(max_length=60)] = []
    seeded_by_student: bool = False
    rebuilt: Count = 0
    """Models that were made anew, each for an epoch, and are one run here."""
    closure: bool = False
    """A step was given a function that makes the backward pass."""


class RawOptimizer(Raw):
    kind: Literal["optimizer"]
    optimizer: Text
    class_name: Text = Field(alias="class")
    base: Text | None = None
    from_torch: bool = True
    model: Text | None = None
    parameters: Annotated[list[Text], Field(max_length=2000)] = []
    held: Count = 0
    settings: dict[str, float | bool | str | int | None] = {}


class RawEvaluation(Raw):
    kind: Literal["evaluation"]
    model: Text
    run: Text | None = None
    step: Count | None = None
    last_step: Count | None = None
    rows: Reference = None
    outputs: Reference = None
    training: bool = False
    grad: bool = False
    count: Count = 0


class RawComparison(Raw):
    kind: Literal["comparison"]
    shapes: tuple[Shape, Shape]
    dtypes: tuple[Text, Text]
    raised: bool = False
    pairs: Annotated[list[tuple[Reference, Reference, Reference]], Field(max_length=2)] = []
    """What met, the first time and the last, and what the model had given before: left, right, outputs."""
    results: Annotated[list[tuple[Text | None, Count, Count, Count]], Field(max_length=4000)] = []


class RawName(Raw):
    kind: Literal["name"]
    name: Text
    type: Literal["tensor", "array", "frame", "series"]
    dtype: Text = ""
    shape: Shape = []
    values: Reference = None
    local: bool = False
    with_graph: Count = 0


class RawSay(Raw):
    kind: Literal["say"]
    run: Text | None = None
    step: Count = 0
    text: Text = ""


class RawLossModule(Raw):
    kind: Literal["loss_module"]
    class_name: Text = Field(alias="class")


class RawAnswers(Raw):
    kind: Literal["answers"]
    model: Text
    rows_of: Text
    rows: Reference = None
    outputs: Reference = None


class RawAltered(Raw):
    kind: Literal["altered"]
    names: Annotated[list[Text], Field(max_length=50)] = []


class RawSeed(Raw):
    kind: Literal["seed"]


class RawArgument(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    type: Text
    shape: Shape | None = None
    dtype: Text | None = None
    grad: bool = False
    class_name: Text | None = Field(default=None, alias="class")
    family: Text = ""
    own_init: bool = True


class RawCall(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    function: Text
    arguments: Annotated[dict[Text, RawArgument], Field(max_length=24)] = {}


class RawFailure(Raw):
    kind: Literal["failure"]
    error: Text
    message: Text = ""
    calls: Annotated[list[RawCall], Field(max_length=40)] = []


_KINDS: dict[str, type[Raw]] = {
    "model": RawModel,
    "run": RawRun,
    "optimizer": RawOptimizer,
    "evaluation": RawEvaluation,
    "comparison": RawComparison,
    "name": RawName,
    "say": RawSay,
    "loss_module": RawLossModule,
    "seed": RawSeed,
    "altered": RawAltered,
    "answers": RawAnswers,
    "failure": RawFailure,
}
_DEEPEST_PLACE = 12
_READ_ELSEWHERE = {"figure", "cell", "end", "problem"}

Event = TypeVar("Event", bound=Raw)


@dataclass(frozen=True)
class RawEvents:
    """All events that could be read, in order, by kind; and what could not."""

    by_kind: Mapping[type[Raw], tuple[Raw, ...]]
    tensors: Mapping[str, Array]
    dropped: Mapping[str, int] = field(default_factory=dict)

    def of(self, kind: type[Event]) -> tuple[Event, ...]:
        """The events of one kind, oldest first."""
        return self.by_kind.get(kind, ())  # type: ignore[return-value]

    def array(self, reference: Reference) -> Array | None:
        """The array behind a reference; None when there is none."""
        return self.tensors.get(reference) if reference is not None else None

    def arrays(self, references: Mapping[str, Reference]) -> dict[str, Array]:
        """Those arrays of a state that were kept."""
        found = ((name, self.array(reference)) for name, reference in references.items())
        return {name: array for name, array in found if array is not None}


def read_events(events: Iterable[Mapping[str, Any]], tensors: Mapping[str, Array]) -> RawEvents:
    """Validate every event; those of no known kind or form are counted in `dropped`."""
    found: dict[type[Raw], list[Raw]] = {}
    dropped: Counter[str] = Counter()
    for event in events:
        name = event.get("kind") if isinstance(event, Mapping) else None
        kind = _KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            if not isinstance(name, str):
                dropped["no kind"] += 1
            elif name not in _READ_ELSEWHERE:
                dropped[name[:40]] += 1
            continue
        try:
            found.setdefault(kind, []).append(kind.model_validate(event))
        except (ValidationError, RecursionError):
            dropped[str(name)] += 1
    return RawEvents({kind: tuple(items) for kind, items in found.items()}, tensors, dict(dropped))


def in_file_lines(
    events: Sequence[Mapping[str, Any]], first_lines: Mapping[int, int]
) -> Sequence[Mapping[str, Any]]:
    """The same events with every place counted in lines of the file, as a script's reader counts.

    `first_lines`: cell number → line of the file at which the cell begins. The recorder writes no place deeper
    than a few levels; what junk nests further down stays as it is. A notebook's cells begin at line 1 each.
    """
    if all(line == 1 for line in first_lines.values()):
        return events
    return [_in_file_lines(event, first_lines, 1) for event in events]


def _in_file_lines(value: Any, first_lines: Mapping[int, int], depth: int) -> Any:
    if depth > _DEEPEST_PLACE:
        return value
    if isinstance(value, Mapping):
        return {
            key: _shifted(item, first_lines)
            if key in ("at", "place")
            else _in_file_lines(item, first_lines, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_in_file_lines(item, first_lines, depth + 1) for item in value]
    return value


def _shifted(stack: Any, first_lines: Mapping[int, int]) -> Any:
    try:
        return [[cell, line + first_lines.get(cell, 1) - 1] for cell, line in stack]
    except (TypeError, ValueError):
        return stack  # junk stays junk; validation drops it
