"""A student's model as operators and weights: what the grader runs and reads in place of the code."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class TensorRef(Frozen):
    """An argument that is a tensor: the input, a weight, a constant, or what an earlier node gave."""

    name: str


class BatchMultiple(Frozen):
    """An argument that is a multiple of the number of rows."""

    factor: int


class ElementType(Frozen):
    """An argument that is a dtype."""

    name: str
    """As NumPy writes it: `float32`."""


Argument = TensorRef | BatchMultiple | ElementType | bool | int | float | str | tuple[Any, ...] | None
"""A tuple holds arguments again."""


class GraphNode(Frozen):
    """One operator at work."""

    op: str
    """Full ATen name with its overload, `aten.addmm.default`."""
    args: tuple[Any, ...]
    """Each an `Argument`."""
    kwargs: dict[str, Any] = {}
    out: tuple[str | None, ...]
    """Names of what it gives; None for a result that is no tensor."""

    @property
    def base(self) -> str:
        """The operator without namespace, overload and the `_` of in-place variants: `addmm`, `relu`."""
        name = self.op.split(".")[1]
        return name[:-1] if self.in_place else name

    @property
    def in_place(self) -> bool:
        """Whether it writes into its first argument."""
        name = self.op.split(".")[1]
        return name.endswith("_") and not name.endswith("__")


class GraphConstant(Frozen):
    """A tensor that the forward pass used and the module's state does not hold."""

    values: np.ndarray[Any, Any]
    parameter: bool
    """An `nn.Parameter` that the module does not know of: kept in a plain list, or global."""
    trainable: bool
    """It asked for gradients."""


class ModelGraph(Frozen):
    """A model's forward pass in eval mode, for any number of rows."""

    input: str
    """Name of the rows, shape (N, `features`)."""
    features: tuple[int, ...]
    """Shape of one row."""
    dtype: str
    """Of the rows: `float32`."""
    parameters: tuple[str, ...]
    buffers: tuple[str, ...] = ()
    aliases: dict[str, str] = {}
    """Further names of tied weights, each with the name that the weights are kept under."""
    constants: dict[str, GraphConstant] = {}
    nodes: tuple[GraphNode, ...]
    """In an order in which they can run."""
    output: str
    notes: tuple[str, ...] = ()
    """`reads-values`: the forward pass looked at numbers, so it may branch on them."""

    @property
    def unregistered(self) -> bool:
        """Whether learned tensors take part that the module's `parameters()` does not give."""
        return any(constant.parameter or constant.trainable for constant in self.constants.values())

    def is_weight(self, name: str) -> bool:
        """Whether training moves this tensor: a parameter, or a constant that asked for gradients."""
        constant = self.constants.get(name)
        return name in self.parameters or (
            constant is not None and (constant.parameter or constant.trainable)
        )


class LinearMap(Frozen):
    """A multiplication of the data with learned weights: a linear layer, whatever the code calls it."""

    inputs: int
    outputs: int
    weights: tuple[str, ...]
    """Parameters (or trainable constants) that its matrix is made of."""
    bias: str | None = None
    node: int = 0
    """Index among the graph's nodes."""


class Activation(Frozen):
    """A non-linear step of the data."""

    name: str
    """`ReLU`, `tanh`…; for one put together from several operators that is not recognised, their names."""
    ops: tuple[str, ...]
    """Its operators, `("relu",)`."""
    linear_before: int
    """Linear layers that the data has passed when it comes here."""
    linear_after: int
    """Linear layers that it still has to pass."""
    node: int = 0
    """Index of its last operator among the graph's nodes."""

    @property
    def hidden(self) -> bool:
        """Whether it stands between two linear layers."""
        return self.linear_before > 0 and self.linear_after > 0


OutputActivation = Literal["none", "sigmoid", "softmax", "log_softmax", "relu", "tanh", "other"]


class AffineVerdict(Frozen):
    """Whether a model's outputs are an affine function of its inputs."""

    affine: bool
    """With its weights as they are, over the data's range and up to 100 times beyond."""
    affine_on_data: bool
    """The same over the data's range alone."""
    by_design: bool
    """Affine for other weights too, drawn at random: not merely dead or driven into a linear region."""
    affine_before_output_activation: bool
    """By design, apart from what follows the last linear layer."""
    deviation: float
    """The largest departure from affinity, as a share of the output's spread; NaN if nothing was finite."""
    nonlinear_ops: tuple[str, ...]
    """Operators on the data's way that are not affine in it."""
