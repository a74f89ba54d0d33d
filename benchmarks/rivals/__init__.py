"""Other graders, set up and used as their manuals say, for benchmarks beside `grade`."""
