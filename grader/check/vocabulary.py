"""The words a rubric may use: each `use` of a rubric.toml with the check that judges it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from grader.check import boundaries, data, losses, models, training
from grader.check.case import Check

VOCABULARY: Mapping[str, Check] = MappingProxyType(
    {
        "data.shapes-shown": data.shapes_shown,
        "data.features-answered": data.features_answered,
        "data.values-shown": data.values_shown,
        "data.tensors": data.tensors,
        "data.split": data.split_sizes,
        "data.aligned": data.aligned,
        "model.maps": models.maps,
        "model.linear-layers": models.linear_layers,
        "model.affine": models.affine,
        "model.nonlinear": models.nonlinear,
        "model.logits": models.logits,
        "model.own-name": models.own_name,
        "loss.kind": losses.loss_kind,
        "optimizer.kind": losses.optimizer_kind,
        "optimizer.rate": losses.learning_rate,
        "optimizer.parameters": losses.optimizer_parameters,
        "optimizer.fresh": losses.optimizer_parameters,
        "loop.learns": training.learns,
        "accuracy.held-out": training.held_out,
        "reports.printed": training.printed,
        "reports.kept": training.kept,
        "reports.plotted": training.plotted,
        "reports.any": training.any_form,
        "reports.shown": training.shown,
        "boundary.drawn": boundaries.drawn,
        "boundary.true": boundaries.true,
    }
)
