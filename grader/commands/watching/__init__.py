"""Grading again at each save: what was saved, and kernels that have run the unchanged cells already."""
