"""A Gradescope autograder: the zip that an instructor uploads, and what runs from it there."""
