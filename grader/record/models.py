"""Sees every model a student builds or calls: who it is, what went in, what came out."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from grader.record.failures import has_own_init
from grader.record.graph import state_of, trace_model
from grader.record.graph_traces import Untraceable
from grader.record.place import Places, Stack
from grader.record.store import Store

_MOST_MODELS = 200
_EXAMPLE_ROWS = 64
_MOST_ALIKE = 8


class Entry:
    """One model, held so that its identity stays its own."""

    def __init__(self, number: int, module: nn.Module, made_at: Stack) -> None:
        self.id = f"m{number}"
        self.module = module
        self.made_at = made_at
        self.example: torch.Tensor | None = None
        self.calls = 0
        self.described: tuple[Any, ...] | None = None
        self.traced = False
        self.captures = False
        """Its graph holds learned tensors that are no parameters: their values are those of the last tracing."""

    @property
    def parameters(self) -> list[nn.Parameter]:
        return list(self.module.parameters())


class Forward:
    """One call of a model from outside: rows in, outputs out."""

    __slots__ = ("entry", "outputs", "rows")

    def __init__(self, entry: Entry, rows: Any, outputs: Any) -> None:
        self.entry = entry
        self.rows = rows
        self.outputs = outputs


class ModelWatch:
    """Wraps the construction and the calling of modules.

    `evaluated` is told of calls that train nothing; calls under gradients wait in `pending` for their loss.
    """

    def __init__(self, store: Store, places: Places, evaluated: Callable[[Forward], None]) -> None:
        self._store = store
        self._places = places
        self._evaluated = evaluated
        self._numbers = itertools.count()
        # By id, with a weak reference that tells a recycled id: some modules (metrics) cannot be hashed yet.
        self._made_at: dict[int, tuple[weakref.ref[nn.Module], Stack]] = {}
        self._entries: dict[int, Entry] = {}
        self._ignored: set[type] = set()
        self.inside = False
        self.operators: frozenset[str] | None = None
        """Those that the grader can run outside; None: all."""
        self.pending: list[Forward] = []
        self.latest: Any = None
        """What the last model call gave."""
        self.loss_modules: list[dict[str, Any]] = []

    def install(self, guard: Callable[[Callable[..., Any]], Callable[..., None]]) -> None:
        """Wrap `nn.Module.__call__` and `nn.Module.__init__`."""
        original_init = nn.Module.__init__
        watch, called, constructed = self, guard(self._called), guard(self._constructed)
        note = guard(self._note)
        ignored, entries, pending = self._ignored, self._entries, self.pending

        # What torch's own `__call__` does stands here again: a layer's call then costs no more than unwatched.
        def __call__(module: nn.Module, *args: Any, **kwargs: Any) -> Any:  # noqa: N807 - takes its place
            call = module._compiled_call_impl or module._call_impl
            if watch.inside or type(module) in ignored:
                return call(*args, **kwargs)
            watch.inside = True
            try:
                outputs = call(*args, **kwargs)
            finally:
                watch.inside = False
            entry = entries.get(id(module))
            if entry is None or entry.example is None or type(outputs) is not torch.Tensor or not args:
                called(module, args, kwargs, outputs)
            elif not outputs.requires_grad or pending:
                watch.latest = outputs
                entry.calls += 1
                note(Forward(entry, args[0], outputs))
            else:
                watch.latest = outputs
                entry.calls += 1
                pending.append(Forward(entry, args[0], outputs))
            return outputs

        def __init__(module: nn.Module, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - takes its place
            original_init(module, *args, **kwargs)
            if not watch.inside:
                constructed(module)

        nn.Module.__call__ = __call__  # type: ignore[method-assign]
        nn.Module.__init__ = __init__  # type: ignore[method-assign, assignment]

    def entry_of(self, module: nn.Module) -> Entry | None:
        """The entry of a model, made now if it is a new one; None for what is no student's model."""
        module = getattr(module, "_orig_mod", module)  # torch.compile wraps the model it was given
        entry = self._entries.get(id(module))
        if entry is None and _is_model(module) and self._has_room():
            entry = Entry(next(self._numbers), module, self._place_of(module))
            self._entries[id(module)] = entry
        return entry

    def _has_room(self) -> bool:
        """Whether another model can be followed; of many made at one place, those between are let go for it."""
        if len(self._entries) >= _MOST_MODELS:
            kept = {id(entry) for entry in self._worth_telling()}
            for key in [key for key, entry in self._entries.items() if id(entry) not in kept]:
                del self._entries[key]
        return len(self._entries) < _MOST_MODELS

    def owner_of(self, parameters: list[torch.Tensor]) -> Entry | None:
        """The known model that holds most of these parameters; the latest of them where several do."""
        wanted = {id(parameter) for parameter in parameters}
        best, most = None, 0
        for entry in self._entries.values():
            held = sum(id(parameter) in wanted for parameter in entry.module.parameters())
            if held and held >= most:
                best, most = entry, held
        return best

    def find_built(self) -> None:
        """Make entries of the models that were built but never called, and of nothing that is part of another."""
        built = [reference() for reference, _ in self._made_at.values()]
        alive = [module for module in built if module is not None and _is_model(module)]
        parts = {id(part) for module in alive for part in module.modules() if part is not module}
        for module in alive:
            if id(module) not in parts:
                self.entry_of(module)

    def describe(self, trained: Sequence[Entry]) -> None:
        """Write an event for each model that is new or changed its shape since it was last described.

        `trained`: models that this cell trained.
        """
        self.find_built()
        self._made_at = {key: built for key, built in self._made_at.items() if built[0]() is not None}
        for entry in self._worth_telling():
            state = state_of(entry.module)
            outline = tuple((name, tuple(value.shape), str(value.dtype)) for name, value in state.items())
            fresh = (outline, entry.example is None)
            if entry.described != fresh or (entry.captures and entry in trained):
                entry.described = fresh
                self._store.emit(self._event(entry, state))
        for loss in self.loss_modules:
            self._store.emit(loss)
        self.loss_modules = []
        self.latest = None

    def opaque(self, trained: Sequence[Entry]) -> list[Entry]:
        """Those of the trained models that are told of, but whose graph could not be had."""
        told = {id(entry) for entry in self._worth_telling()}
        return [entry for entry in trained if id(entry) in told and not entry.traced]

    def _worth_telling(self) -> list[Entry]:
        """All models; of many that were made at one place, the first two and the last two."""
        places: dict[str, list[Entry]] = {}
        for entry in self._entries.values():
            places.setdefault(str(entry.made_at or entry.id), []).append(entry)
        kept = {
            id(entry)
            for made in places.values()
            for entry in (made if len(made) <= _MOST_ALIKE else [*made[:2], *made[-2:]])
        }
        return [entry for entry in self._entries.values() if id(entry) in kept]

    def _event(self, entry: Entry, state: dict[str, torch.Tensor]) -> dict[str, Any]:
        module = entry.module
        return {
            "kind": "model",
            "model": entry.id,
            "cell": self._places.current_cell,
            "at": entry.made_at,
            "class": type(module).__name__,
            "library_class": type(module).__module__.startswith("torch."),
            "own_init": has_own_init(module),
            "loose_layers": _has_loose_layers(module),
            "calls": entry.calls,
            "training": module.training,
            "parameters": [
                {
                    "name": name,
                    "shape": list(value.shape),
                    "dtype": str(value.dtype),
                    "trainable": value.requires_grad,
                }
                for name, value in module.named_parameters()
            ],
            "device": str(next((value.device for value in state.values()), "cpu")),
            "state": {name: self._store.keep(value) for name, value in state.items()},
            "outline": repr(module)[:2000],
            **self._graph(entry),
        }

    def _graph(self, entry: Entry) -> dict[str, Any]:
        """The operator graph, or why there is none; never raises."""
        rows = entry.example
        guessed = rows is None
        if rows is None:
            rows = _guess_rows(entry.module)
        if rows is None:
            return {"untraceable": "it was never called"}
        self.inside = True
        try:
            traced = trace_model(entry.module, rows)
        finally:
            self.inside = False
        if isinstance(traced, Untraceable):
            return {"untraceable": traced.reason, "guessed_input": guessed}
        entry.traced = self.operators is None or _operators(traced.graph) <= self.operators
        entry.captures = any(
            kind["parameter"] or kind["trainable"] for kind in traced.graph["constants"].values()
        )
        return {
            "graph": traced.graph,
            "constants": {name: self._store.keep(value) for name, value in traced.constants.items()},
            "probe_rows": self._store.keep(traced.probe_rows),
            "probe_outputs": self._store.keep(traced.probe_outputs),
            "guessed_input": guessed,
        }

    def _constructed(self, module: nn.Module) -> None:
        place = self._places.stack()
        if not place:
            return
        if _is_loss(module):
            self._note_loss(module, place)
        else:
            self._made_at[id(module)] = (weakref.ref(module), place)

    def _place_of(self, module: nn.Module) -> Stack:
        reference, place = self._made_at.get(id(module), (lambda: None, []))
        return place if reference() is module else []

    def _note_loss(self, module: nn.Module, place: Stack) -> None:
        if len(self.loss_modules) < 20:
            event = {"kind": "loss_module", "class": type(module).__name__, "at": place}
            self.loss_modules.append({**event, "cell": self._places.current_cell})

    def _called(self, module: nn.Module, args: Any, kwargs: Any, outputs: Any) -> None:
        entry = self._entries.get(id(module)) or self.entry_of(module)
        if entry is None:
            if _is_leaf_of_torch(module):
                self._ignored.add(type(module))
            return
        self.latest = outputs
        rows = args[0] if args else next(iter(kwargs.values()), None)
        if entry.example is None:
            self._remember(entry, rows)
        entry.calls += 1
        self._note(Forward(entry, rows, outputs))

    def _note(self, forward: Forward) -> None:
        if getattr(forward.outputs, "requires_grad", False):
            self.pending.append(forward)
            if len(self.pending) > 4:
                self._evaluated(self.pending.pop(0))
        else:
            self._evaluated(forward)

    def _remember(self, entry: Entry, rows: Any) -> None:
        if isinstance(rows, torch.Tensor) and rows.ndim >= 1 and len(rows):
            entry.example = rows.detach()[:_EXAMPLE_ROWS].clone()


def _has_loose_layers(module: nn.Module) -> bool:
    """Whether an attribute is a plain list, tuple or dictionary with modules in it."""
    plain = [value for value in vars(module).values() if isinstance(value, (list, tuple, dict))]
    kept = [value for value in plain if value is not module.__dict__.get("_modules")]
    return any(
        isinstance(item, nn.Module)
        for value in kept
        for item in (value.values() if isinstance(value, dict) else value[:100])
    )


def _is_loss(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.loss._Loss)


def _is_leaf_of_torch(module: nn.Module) -> bool:
    """A loss or an activation of torch's own: whatever object of its class is called, it is no model."""
    holds_others = isinstance(module, (nn.Sequential, nn.ModuleList, nn.ModuleDict))
    return type(module).__module__.startswith("torch.nn") and not (
        holds_others or module._parameters or module._modules
    )


def _is_model(module: nn.Module) -> bool:
    """A student's own class, or a library container that holds parameters."""
    if _is_loss(module) or type(module).__module__.startswith("torchmetrics"):
        return False
    if type(module).__module__.startswith("torch."):
        return any(True for _ in module.parameters())
    return True


def _guess_rows(module: nn.Module) -> torch.Tensor | None:
    """Rows for a model that was never called: as wide as its first weight, of that weight's dtype."""
    for parameter in module.parameters():
        if parameter.ndim == 2:
            width = parameter.shape[1]
            steps = torch.linspace(-1.0, 1.0, 8 * width, dtype=torch.float64, device=parameter.device)
            return torch.sin(3.0 * steps).reshape(8, width).to(parameter.dtype)
    return None


def _operators(graph: dict[str, Any]) -> set[str]:
    """The names of the operators that a graph uses: `addmm`, `relu`."""
    return {node["op"].split(".")[1].rstrip("_") for node in graph["nodes"]}
