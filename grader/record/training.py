"""Watches training: backward passes, optimizer steps, resets, and the rows and losses that went through them.

Full detail for a run's first steps and at every power of four; counters in between, so that a loop hardly feels it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim import optimizer as optimizer_module

from grader.record import lossgraph
from grader.record.models import Entry, Forward, ModelWatch
from grader.record.place import Places, Stack
from grader.record.run import Run
from grader.record.store import Store
from grader.record.tensors import flat, gradient_size, together

_DETAILED_STEPS = 5
_LATER_DETAILS = frozenset(4**power for power in range(2, 16))
_KEPT_STEPS = 512
_KEPT_ROWS = 4096


class TrainingWatch:
    """Wraps `torch.autograd.backward`, `torch.autograd.grad`, optimizers' construction, steps and resets."""

    def __init__(self, store: Store, places: Places, seeded: Callable[[], bool]) -> None:
        self._store = store
        self._places = places
        self._seeded = seeded
        self._numbers = itertools.count()
        self._runs: dict[tuple[int, int], Run] = {}
        self._finished: list[Run] = []
        self._optimizers: dict[int, tuple[Optimizer, str, Stack]] = {}
        self._optimizer_run: dict[int, Run] = {}
        self._reset_before_run = False
        self._evaluations: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.models: ModelWatch
        self.current: Run | None = None
        self._last_evaluated: Forward | None = None
        self.first_detail: Callable[[], None] = lambda: None

    def install(self, guard: Callable[[Callable[..., Any]], Callable[..., None]]) -> None:
        """Put the wrappers and hooks in place."""
        before, before_grad, watch = guard(self._before_backward), guard(self._before_grad), self
        backward, grad = torch.autograd.backward, torch.autograd.grad
        construct, zero_grad, module_zero_grad = Optimizer.__init__, Optimizer.zero_grad, nn.Module.zero_grad
        constructed, was_reset = guard(self._constructed), guard(self._was_reset)
        runs, places = self._optimizer_run, self._places

        def recorded_backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            before(tensors)
            return backward(tensors, *args, **kwargs)

        def recorded_grad(outputs: Any, *args: Any, **kwargs: Any) -> Any:
            before_grad(outputs)
            return grad(outputs, *args, **kwargs)

        def __init__(optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - takes its place
            construct(optimizer, *args, **kwargs)
            constructed(optimizer)

        def recorded_zero_grad(optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
            zero_grad(optimizer, *args, **kwargs)
            run = runs.get(id(optimizer))
            if run is not None and run.noted_enough and run.cell == places.current_cell and not run.closed:
                run.resets += 1
                run.last = "Z"
            else:
                was_reset(run, optimizer)

        def recorded_module_zero_grad(module: nn.Module, *args: Any, **kwargs: Any) -> None:
            module_zero_grad(module, *args, **kwargs)
            was_reset(watch.current)

        torch.autograd.backward = recorded_backward
        torch.autograd.grad = recorded_grad
        Optimizer.__init__ = __init__  # type: ignore[method-assign, assignment]
        Optimizer.zero_grad = recorded_zero_grad  # type: ignore[method-assign, assignment]
        nn.Module.zero_grad = recorded_module_zero_grad  # type: ignore[method-assign, assignment]
        stepped = guard(self._before_step)

        def before_step(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
            run = runs.get(id(optimizer))
            if run is not None and run.noted_enough and run.cell == places.current_cell and not run.closed:
                run.steps += 1
                run.last = "S"
            else:
                stepped(optimizer, len(args) > 1 or bool(kwargs))

        optimizer_module.register_optimizer_step_pre_hook(before_step)

    # ------------------------------------------------------------------ while the student's code runs

    def _before_grad(self, tensors: Any) -> None:
        """`torch.autograd.grad` hands gradients out and adds them to none: it needs no reset."""
        self._before_backward(tensors, adds=False)

    def _before_backward(self, tensors: Any, adds: bool = True) -> None:
        loss = tensors if isinstance(tensors, torch.Tensor) else tensors[0]
        pending = self.models.pending
        forward = pending.pop() if len(pending) == 1 else self._forward_of(loss)
        entry = forward.entry if forward else self._owner(loss)
        if entry is None:
            forward = self._last_evaluated if loss.grad_fn is None else None
            if forward is None:
                return
            entry = forward.entry
        run = self.current
        if run is None or run.entry is not entry or run.closed or run.cell != self._places.current_cell:
            run = self._runs.get((self._places.current_cell, id(entry)))
            if run is None or run.closed:
                run = self._begin(entry)
            self.current = run
        step = run.backwards
        if step < _DETAILED_STEPS or step in _LATER_DETAILS:
            self._detail(run, loss, forward)
            if not adds:
                run.details[-1]["grads_before"] = 0.0
        if not adds:
            run.resets += 1
            run.note("Z")
        run.backwards = step + 1
        run.add_loss(loss)
        run.note("B")
        if forward is None or type(forward.rows) is not torch.Tensor:
            return
        if run.rows_complete:
            run.batch_rows.append(forward.rows.size(0))
        else:
            self._keep_rows(run, step, loss, forward.rows)

    def _forward_of(self, loss: torch.Tensor) -> Forward | None:
        """The model call that this loss came from; the others that were waiting trained nothing."""
        pending = self.models.pending
        if not pending:
            return None
        chosen = pending[-1]
        if len(pending) > 1:
            for forward in reversed(pending):
                if lossgraph.contains(loss, forward.outputs.grad_fn):
                    chosen = forward
                    break
            for forward in pending:
                if forward is not chosen:
                    self.evaluated(forward)
        pending.clear()
        return chosen

    def _owner(self, loss: torch.Tensor) -> Entry | None:
        return self.models.owner_of(lossgraph.leaves(lossgraph.walk(loss)))

    def _begin(self, entry: Entry) -> Run:
        run = Run(next(self._numbers), entry, self._places.current_cell, self._places.stack())
        run.seeded_by_student = self._seeded()
        key = (self._places.current_cell, id(entry))
        if key in self._runs:
            self._finished.append(self._runs[key])
        self._runs[key] = run
        run.snapshot()
        if self._reset_before_run:
            run.note("Z")
            run.resets += 1
            self._reset_before_run = False
        self.first_detail()
        return run

    def _detail(self, run: Run, loss: torch.Tensor, forward: Forward | None) -> None:
        run.look()
        parameters = run.parameters
        now = flat(parameters)
        nodes = lossgraph.walk(loss)
        reached = {id(leaf) for leaf in lossgraph.leaves(nodes)}
        detail: dict[str, Any] = {
            "step": run.backwards,
            "loss_shape": list(loss.shape),
            "leaf": loss.grad_fn is None,
            "grad": loss.requires_grad,
            "after": run.last,
            "grads_before": gradient_size(parameters),
            "moved": None if run.earlier is None or now is None else not torch.equal(now, run.earlier),
            "reached": sum(id(parameter) in reached for parameter in parameters),
            "foreign": len(reached - {id(parameter) for parameter in parameters}),
            "parameters": len(parameters),
            "training": run.entry.module.training,
            "again": any(node is run.walked for node in nodes),
        }
        run.walked = loss.grad_fn
        if forward is not None and isinstance(forward.outputs, torch.Tensor):
            detail["output_shape"] = list(forward.outputs.shape)
            detail["outputs_grad"] = forward.outputs.requires_grad
        if run.head is None or len(run.details) < 2:
            run.head = lossgraph.head(loss)
            target = lossgraph.target_of(loss)
            if target is not None:
                detail["target"] = {"shape": list(target.shape), "dtype": str(target.dtype)}
            detail["place"] = self._places.stack()
        run.earlier = now
        run.details.append(detail)

    def _keep_rows(self, run: Run, step: int, loss: torch.Tensor, rows: torch.Tensor) -> None:
        count = rows.shape[0] if rows.ndim else 0
        run.batch_rows.append(count)
        run.rows_complete = rows.ndim > 0 and (step >= _KEPT_STEPS or run.kept_rows >= _KEPT_ROWS)
        if run.rows_complete or (run.rows and run.rows[-1][0] is rows):  # the same full batch again
            return
        run.rows.append((rows, lossgraph.target_of(loss)))
        run.kept_rows += count

    def _before_step(self, optimizer: Optimizer, closure: bool) -> None:
        run = self._optimizer_run.get(id(optimizer))
        if run is None or run.cell != self._places.current_cell or run.closed:
            run = self._run_of(optimizer)
            if run is None:
                return
            self._optimizer_run[id(optimizer)] = run
            run.optimizers[id(optimizer)] = self._optimizers[id(optimizer)][1]
        run.steps += 1
        run.closure = run.closure or closure
        run.note("S")
        if run.steps <= _DETAILED_STEPS and run.details:
            run.details[-1]["grads_at_step"] = gradient_size(run.parameters)

    def _run_of(self, optimizer: Optimizer) -> Run | None:
        """The run of the model whose parameters this optimizer holds."""
        if id(optimizer) not in self._optimizers:
            self._constructed(optimizer)
        entry = self.models.owner_of(_held(optimizer))
        if entry is None:
            return self.current
        run = self._runs.get((self._places.current_cell, id(entry)))
        if run is not None and not run.closed:
            return run
        run = self.current
        if run is not None and run.cell == self._places.current_cell and run.last != "S":
            return run  # it steps another model than the one whose loss went backward
        self.current = self._begin(entry)  # nothing went backward for it, and perhaps never will
        return self.current

    def _was_reset(self, run: Run | None, optimizer: Optimizer | None = None) -> None:
        if run is None and optimizer is not None and self._runs:  # it has not stepped yet, or never will
            entry = self.models.owner_of(_held(optimizer))
            run = None if entry is None else self._runs.get((self._places.current_cell, id(entry)))
        if run is None or run.closed or run.cell != self._places.current_cell:
            self._reset_before_run = True
            return
        run.resets += 1
        run.note("Z")

    def _constructed(self, optimizer: Optimizer) -> None:
        """A new optimizer at a new place begins a new run of the model it holds."""
        at = self._places.stack()
        if not at and id(optimizer) in self._optimizers:
            return
        known_places = {tuple(map(tuple, place)) for _, _, place in self._optimizers.values()}
        self._optimizers[id(optimizer)] = (optimizer, f"o{len(self._optimizers)}", at)
        if tuple(map(tuple, at)) in known_places:
            return
        held = {id(parameter) for parameter in _held(optimizer)}
        for run in self._runs.values():
            if run.backwards and any(id(parameter) in held for parameter in run.entry.parameters):
                run.closed = True

    # ------------------------------------------------------------------ evaluations

    def evaluated(self, forward: Forward) -> None:
        """Note a call that trained nothing; equal calls are counted, their first and last outputs kept."""
        rows = forward.rows
        if not isinstance(rows, torch.Tensor) or rows.ndim == 0:
            return
        self._last_evaluated = forward
        run = self.current
        key = (forward.entry.id, rows.data_ptr(), rows.shape[0], run.id if run else None)
        known = self._evaluations.get(key)
        if known is None:
            if len(self._evaluations) >= 64:
                return
            known = self._new_evaluation(forward, run)
            self._evaluations[key] = known
        known["count"] += 1
        known["last_outputs"] = forward.outputs
        if run is not None and run.entry is forward.entry and not run.closed:
            known["last_step"] = run.backwards
            run.snapshot()

    def _new_evaluation(self, forward: Forward, run: Run | None) -> dict[str, Any]:
        return {
            "kind": "evaluation",
            "model": forward.entry.id,
            "run": run.id if run else None,
            "step": run.backwards if run else None,
            "cell": self._places.current_cell,
            "at": self._places.stack(),
            "rows": forward.rows,
            "training": forward.entry.module.training,
            "grad": bool(getattr(forward.outputs, "requires_grad", False)),
            "count": 0,
        }

    # ------------------------------------------------------------------ at the end of a cell

    def trained(self) -> list[Entry]:
        """The models that this cell trained."""
        return list(dict.fromkeys(run.entry for run in (*self._finished, *self._runs.values())))

    def describe(self) -> None:
        """Write the runs, optimizers and evaluations of the cell that ended, and forget what they held."""
        for forward in self.models.pending:
            self.evaluated(forward)
        self.models.pending.clear()
        for optimizer, name, at in self._optimizers.values():
            self._store.emit(self._optimizer_event(optimizer, name, at))
        for run in [*self._finished, *self._runs.values()]:
            self._store.emit(self._run_event(run))
        for evaluation in self._evaluations.values():
            outputs = evaluation.pop("last_outputs", None)
            evaluation["rows"] = self._store.keep(evaluation["rows"])
            evaluation["outputs"] = self._store.keep(outputs) if isinstance(outputs, torch.Tensor) else None
            self._store.emit(evaluation)
        self._runs, self._finished, self._evaluations = {}, [], {}
        self._optimizer_run.clear()
        self.current = self._last_evaluated = None
        self._reset_before_run = False

    def _optimizer_event(self, optimizer: Optimizer, name: str, at: Stack) -> dict[str, Any]:
        held = _held(optimizer)
        entry = self.models.owner_of(held)
        ids = {id(parameter) for parameter in held}
        names = [key for key, value in entry.module.named_parameters() if id(value) in ids] if entry else []
        return {
            "kind": "optimizer",
            "optimizer": name,
            "class": type(optimizer).__name__,
            "from_torch": type(optimizer).__module__.startswith("torch.optim"),
            "base": next(
                (
                    base.__name__
                    for base in type(optimizer).__mro__
                    if base.__module__.startswith("torch.optim")
                ),
                None,
            ),
            "cell": self._places.current_cell,
            "at": at,
            "model": entry.id if entry else None,
            "parameters": names,
            "held": len(held),
            "settings": {
                key: value
                for key, value in optimizer.defaults.items()
                if isinstance(value, (int, float, bool, str))
            },
        }

    def _run_event(self, run: Run) -> dict[str, Any]:
        run.snapshot_every = 1
        run.look()
        run.snapshot()
        now = flat(run.entry.parameters)
        moved_at_end = None
        if run.earlier is not None and now is not None and run.earlier.shape == now.shape:
            moved_at_end = not torch.equal(now, run.earlier)
        rows = together([rows for rows, _ in run.rows])
        targets = together([target for _, target in run.rows if target is not None])
        return {
            "kind": "run",
            "run": run.id,
            "model": run.entry.id,
            "cell": run.cell,
            "at": run.at,
            "backwards": run.backwards,
            "steps": run.steps,
            "resets": run.resets,
            "order": "".join(run.order),
            "optimizers": list(run.optimizers.values()),
            "details": run.details,
            "head": run.head or [],
            "losses": self._store.keep(torch.tensor(run.losses(), dtype=torch.float64)),
            "batch_rows": self._store.keep(torch.tensor(run.batch_rows, dtype=torch.int64)),
            "rows": None if rows is None else self._store.keep(rows),
            "targets": None if targets is None else self._store.keep(targets),
            "targets_shape": None if not run.rows or run.rows[0][1] is None else list(run.rows[0][1].shape),
            "moved_at_end": moved_at_end,
            "snapshots": [
                {"step": step, "state": {name: self._store.keep(value) for name, value in state.items()}}
                for step, state in run.snapshots
            ],
            "seeded_by_student": run.seeded_by_student,
            "closure": run.closure,
        }


def _held(optimizer: Optimizer) -> list[torch.Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
