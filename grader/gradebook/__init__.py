"""The gradebook: every hand-in, result, override and comment of a class, in a database."""
