"""A model as a graph of operators, read off inside the student's process.

`trace_model` runs the model twice, on batches of two sizes, under a dispatch mode that sees every ATen
operator, so `nn.ReLU()`, `F.relu(x)`, `x.clamp(min=0)` and `x @ W + b` are all recorded as what they compute.
The two records are laid upon each other: what differs has to be a multiple of the batch size. The model is
copied first and run in eval mode; random states, printed text and warnings of its forward pass stay inside.

Operator names and schemas: `torch.ops.aten`, https://pytorch.org/docs/stable/torch.compiler_ir.html.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import io
import math
import random
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.utils._python_dispatch import TorchDispatchMode

from .graph_traces import (
    LONG_BATCH,
    MAX_NODES,
    SHORT_BATCH,
    Node,
    NotTraceable,
    Trace,
    Untraceable,
    merged_nodes,
    same_constants,
    tidied,
)

INPUT = "%x"
"""The name of the rows. No name that a module gives begins with `%`, as all names that are given here do."""
PROBE_ROWS = 64
MAX_CONSTANT_ELEMENTS = 1_000_000

UNPORTABLE = frozenset({"device", "layout", "pin_memory", "non_blocking", "generator"})
"""Keyword arguments that say where a tensor lies, which means nothing in another process."""


@dataclass(frozen=True)
class TracedModel:
    """A model that can be run without its code."""

    graph: dict[str, Any]
    """JSON-able: input, parameters, buffers, aliases, constants, nodes, output, notes."""
    constants: dict[str, Tensor]
    """Tensors that the forward pass used but the module's state does not hold, by name in the graph."""
    probe_rows: Tensor
    """At most 64 of the example's rows."""
    probe_outputs: Tensor
    """What the real model gave for `probe_rows`, in eval mode."""


class _Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]  # not annotated in PyTorch
    """Writes down each operator with the names of the tensors it took and gave."""

    def __init__(self, rows: Tensor, state: Mapping[str, Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # not annotated in PyTorch
        self.trace = Trace(rows=len(rows))
        self._names: dict[int, str] = {}
        self._places: dict[Any, str] = {}
        self._held: list[Tensor] = []  # an id may not be used again while it names a tensor
        for name, tensor in {**state, INPUT: rows}.items():
            self._give_name(tensor, name)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # True, PyTorch's default, has the first operator import torch._dynamo: more than half a second.
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = [self._encode(arg) for arg in args]
        named = {key: self._encode(value) for key, value in kwargs.items() if key not in UNPORTABLE}
        result = func(*args, **kwargs)
        if "dtype" not in named and isinstance(result, Tensor) and _makes_default_type(func, args):
            named["dtype"] = _encode_plain(result.dtype)
        name = str(func)
        self.trace.reads_values |= name == "aten._local_scalar_dense.default"
        seeded = torch.Tag.nondeterministic_seeded in func.tags and _is_training(func, args, kwargs)
        out = [self._new_name(item) for item in _as_list(result)]
        self.trace.nodes.append(Node(name, given, named, out, func._schema.is_mutable, seeded))
        if len(self.trace.nodes) > 10 * MAX_NODES:
            raise NotTraceable("too-large", f"more than {10 * MAX_NODES} operators")
        return result

    def name_of(self, tensor: Tensor) -> str:
        """The tensor's name; one never seen before becomes a constant."""
        name = self._names.get(id(tensor))
        if name is None:
            # `.data` makes a new tensor over the same memory without any operator.
            name = self._places.get(_place(tensor)) or self._lift(tensor)
            self._names[id(tensor)] = name
            self._held.append(tensor)
        return name

    def _lift(self, tensor: Tensor) -> str:
        if tensor.numel() > MAX_CONSTANT_ELEMENTS:
            raise NotTraceable("too-large", f"a constant of {tensor.numel()} elements")
        name = f"%c{len(self.trace.constants)}"
        self.trace.constants[name] = tensor.detach().clone()  # now: the forward pass may write into it
        self.trace.kinds[name] = _kind(tensor)
        self._give_name(tensor, name)
        return name

    def _new_name(self, item: Any) -> str | None:
        return self._give_name(item, f"%v{len(self._held)}") if isinstance(item, Tensor) else None

    def _give_name(self, tensor: Tensor, name: str) -> str:
        self._names[id(tensor)] = name
        self._held.append(tensor)
        place = _place(tensor)
        if place is not None:
            self._places[place] = name
            self.trace.storages[name] = place[0]
        return name

    def _encode(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return {"tensor": self.name_of(value)}
        if isinstance(value, (list, tuple)):
            return [self._encode(item) for item in value]
        return _encode_plain(value)


def _encode_plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    if isinstance(value, torch.memory_format):
        return {"memory_format": str(value).removeprefix("torch.")}
    if isinstance(value, (torch.device, torch.layout)):
        return None
    raise NotTraceable("unsupported-argument", type(value).__name__)


def _makes_default_type(func: Any, args: Any) -> bool:
    """Whether the result's dtype is PyTorch's default in this process, which is another elsewhere."""
    takes_type = any(argument.name == "dtype" for argument in func._schema.arguments)
    return takes_type and not any(isinstance(arg, Tensor) for arg in args)


def _is_training(func: Any, args: Any, kwargs: Any) -> bool:
    """False for an operator (dropout, RReLU) that was told not to draw; True for one that always does."""
    for position, argument in enumerate(func._schema.arguments):
        if argument.name in ("train", "training"):
            given = (
                args[position] if position < len(args) else kwargs.get(argument.name, argument.default_value)
            )
            return given is not False
    return True


def _as_list(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (list, tuple)) else [result]


def _place(tensor: Tensor) -> tuple[int, Any, Any, Any, Any] | None:
    """Where in memory the tensor lies and how it is laid out; None where it has no memory of its own."""
    try:
        storage = tensor.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError):
        return None
    if not storage or not tensor.numel():
        return None
    return storage, tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.dtype


def trace_model(module: nn.Module, example: Tensor) -> TracedModel | Untraceable:
    """The graph of `module` in eval mode, for rows like those of `example`, shape (k, features…), k >= 1.

    Changes nothing that the student can see: module, random states and screen stay as they were.
    """
    try:
        with _unseen(), _safe_copy(_unwrapped(module)) as subject:
            return _trace_copy(subject, example.detach()[:PROBE_ROWS])
    except NotTraceable as stop:
        return stop.verdict
    except (Exception, SystemExit) as error:
        return Untraceable("raised", f"{type(error).__name__}: {error}"[:300])


def outputs_of(module: nn.Module, rows: Tensor) -> Tensor | None:
    """What the model gives for these rows in eval mode; None where it gives no tensor. Changes nothing else."""
    try:
        with _unseen(), _safe_copy(_unwrapped(module)) as subject:
            return _first_tensor(subject(rows))
    except (Exception, SystemExit):
        return None


def state_of(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name, as detached copies; tied ones stand once, under their first name."""
    named = _named_state(_unwrapped(module)).items()
    return {name: tensor.detach().clone() for name, tensor in named if not _is_uninitialised(tensor)}


def aliases_of(module: nn.Module) -> dict[str, str]:
    """For tied weights: each further name, and the first name that `state_of` gives the tensor."""
    module = _unwrapped(module)
    first = {id(tensor): name for name, tensor in _named_state(module).items()}
    every = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    return {name: first[id(tensor)] for name, tensor in every if first[id(tensor)] != name}


def _named_state(module: nn.Module) -> dict[str, Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _is_uninitialised(tensor: Tensor) -> bool:
    return isinstance(tensor, (UninitializedParameter, UninitializedBuffer))


def _unwrapped(module: nn.Module) -> nn.Module:
    """The module that `torch.compile` or `nn.DataParallel` wrapped, or the module itself."""
    inner = getattr(module, "module" if isinstance(module, nn.DataParallel) else "_orig_mod", None)
    return inner if isinstance(inner, nn.Module) else module


@contextlib.contextmanager
def _unseen() -> Iterator[None]:
    """No gradients, no text, no warnings; every random state as before afterwards."""
    numpy_random: Any = sys.modules.get("numpy.random")
    before = random.getstate(), torch.get_rng_state(), numpy_random and numpy_random.get_state()
    silence = io.StringIO()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
                yield
    finally:
        random.setstate(before[0])
        torch.set_rng_state(before[1])
        if numpy_random:
            numpy_random.set_state(before[2])


@contextlib.contextmanager
def _safe_copy(module: nn.Module) -> Iterator[nn.Module]:
    """A deep copy in eval mode; where the module cannot be copied, itself, put back afterwards."""
    try:
        subject = copy.deepcopy(module)
    except Exception:
        with _put_back(module):
            yield _in_eval_mode(module)
    else:
        yield _in_eval_mode(subject)


def _in_eval_mode(module: nn.Module) -> nn.Module:
    for part in module.modules():
        part.training = False
    return module


@contextlib.contextmanager
def _put_back(module: nn.Module) -> Iterator[None]:
    attributes = [(part, dict(part.__dict__)) for part in module.modules()]
    values = [(tensor, tensor.detach().clone()) for tensor in _named_state(module).values()]
    try:
        yield
    finally:
        for part, before in attributes:
            part.__dict__.clear()
            part.__dict__.update(before)
        for tensor, value in values:
            # A copy over equal values would only raise the version counter that autograd looks at.
            if not torch.equal(tensor, value):
                tensor.copy_(value)


def _trace_copy(module: nn.Module, example: Tensor) -> TracedModel:
    short = _run_traced(module, _batch(example, SHORT_BATCH, start=0))
    long = _run_traced(module, _batch(example, LONG_BATCH, start=1))
    outputs = _first_tensor(module(example.clone()))
    if outputs is None:
        raise NotTraceable("no-tensor-output")
    constants = same_constants(short, long)
    graph = {
        "input": {"name": INPUT, "features": list(example.shape[1:]), **_encode_plain(example.dtype)},
        "parameters": [name for name, _ in module.named_parameters()],
        "buffers": [name for name, _ in module.named_buffers()],
        "aliases": aliases_of(module),
        "constants": short.kinds,
        "nodes": merged_nodes(short, long),
        "output": short.output,
        "notes": ["reads-values"] if short.reads_values or long.reads_values else [],
    }
    return TracedModel(graph, constants, example.clone(), outputs.detach().clone())


def _kind(constant: Tensor) -> dict[str, bool]:
    """A parameter among the constants is one the module does not know of: in a plain list, or global."""
    return {"parameter": isinstance(constant, nn.Parameter), "trainable": constant.requires_grad}


def _batch(example: Tensor, size: int, start: int) -> Tensor:
    """`size` rows of the example, from row `start` on, over and over."""
    if example.dim() == 0 or len(example) == 0:
        raise NotTraceable("raised", "no rows to trace the model on")
    return example[(torch.arange(size) + start) % len(example)]


def _run_traced(module: nn.Module, rows: Tensor) -> Trace:
    tracer = _Tracer(rows, _named_state(module))
    made: list[str] = []
    hook = register_module_parameter_registration_hook(
        lambda owner, name, _: made.append(type(owner).__name__)
    )
    try:
        with tracer:
            output = _first_tensor(module(rows))
    finally:
        hook.remove()
    if made:
        raise NotTraceable("layers-made-in-forward", ", ".join(sorted(set(made))))
    if output is None:
        raise NotTraceable("no-tensor-output")
    tracer.trace.output = tracer.name_of(output)
    return tidied(tracer.trace)


def _first_tensor(output: Any) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    values = output
    if isinstance(output, Mapping) or dataclasses.is_dataclass(output):
        values = (output if isinstance(output, Mapping) else vars(output)).values()
    elif not isinstance(output, (list, tuple)):
        return None
    return next((found for value in values if (found := _first_tensor(value)) is not None), None)
