"""The command's fixtures, for every test of what commands do."""

from tests.command import grade, with_kernel  # noqa: F401  # fixtures
