"""The helpers under their shorter module name: `from utils import plot_decision_boundary`."""

from helper_functions import accuracy_fn, plot_decision_boundary, plot_predictions

__all__ = ["accuracy_fn", "plot_decision_boundary", "plot_predictions"]
