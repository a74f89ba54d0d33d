"""The checks: small pure functions from evidence to findings."""
