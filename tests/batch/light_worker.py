"""Loaded by the Dask workers of tests: what they grade with needs nothing that takes seconds to import."""

import grader.batch.local

grader.batch.local.PRELOADED = ()
