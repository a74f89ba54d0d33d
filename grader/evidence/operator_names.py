"""The names of the operators that a student's model may be made of.

ATen's names, without overload and in-place mark (`addmm`, `relu`). An operator that is not here is not run. The names
stand apart from what runs them, because a kernel is told them before torch is imported here.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


VIEWS = _names(
    "t transpose permute view reshape _unsafe_view squeeze unsqueeze expand select slice split "
    "split_with_sizes unsafe_split unsafe_chunk chunk unbind narrow diagonal detach alias lift lift_fresh "
    "view_as flatten"
)
"""Give the same memory in another shape."""

COPIES = _names(
    "clone contiguous lift_fresh_copy _to_copy to copy flip roll repeat cat stack index index_select "
    "constant_pad_nd tril triu"
)
"""Move elements about without changing them."""

MATRIX_PRODUCTS = _names("mm addmm bmm baddbmm matmul linear mv addmv dot vdot")

PRODUCTS = MATRIX_PRODUCTS | {"convolution", "_trilinear"}

ARITHMETIC = _names(
    "add sub rsub neg positive mul div addcmul addcdiv lerp sum mean cumsum masked_fill fill zero"
)
"""Affine in each operand alone; a division only in the dividend."""

ACTIVATIONS = _names(
    "relu leaky_relu elu selu celu gelu silu mish softplus hardtanh hardswish hardsigmoid tanh sigmoid "
    "log_sigmoid_forward softmax _softmax log_softmax _log_softmax _prelu_kernel prelu threshold "
    "softshrink hardshrink rrelu_with_noise glu relu6 logit"
)

CURVED = _names(
    "abs exp exp2 expm1 log log1p log2 log10 sqrt rsqrt reciprocal sin cos tan asin acos atan sinh cosh "
    "asinh acosh atanh atan2 erf erfc erfinv sign sgn round floor ceil trunc frac pow square maximum "
    "minimum clamp clamp_min clamp_max where gt lt ge le eq ne logical_and logical_or logical_not "
    "logical_xor bitwise_and bitwise_or bitwise_not bitwise_xor isnan isfinite isinf max amax amin min "
    "argmax argmin norm linalg_vector_norm var std var_mean std_mean prod logsumexp heaviside remainder "
    "fmod floor_divide xlogy sinc hypot nan_to_num _cdist_forward any all index_put _weight_norm_interface"
)

NORMS = _names(
    "native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training cudnn_batch_norm "
    "miopen_batch_norm _batch_norm_no_update native_layer_norm native_group_norm"
)

IDENTITIES = frozenset({"dropout", "native_dropout", "feature_dropout", "alpha_dropout"})

CREATIONS = _names(
    "zeros ones full empty arange linspace eye scalar_tensor zeros_like ones_like full_like empty_like "
    "new_zeros new_ones new_full new_empty"
)

ALLOWED = (
    VIEWS
    | COPIES
    | PRODUCTS
    | ARITHMETIC
    | ACTIVATIONS
    | CURVED
    | NORMS
    | IDENTITIES
    | CREATIONS
    | {"embedding"}
)

IN_PLACE = (
    ARITHMETIC | ACTIVATIONS | CURVED | {"copy", "squeeze", "unsqueeze", "t", "transpose", "tril", "triu"}
)
"""Those whose in-place variant may write into a tensor of the model's own."""
