"""A submission as a file of tests: collected from the rubric, graded when the first of them runs."""
