"""One submission or a class of them: found, graded by several workers, kept, and reported on."""
