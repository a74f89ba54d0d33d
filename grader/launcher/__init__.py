"""A process that has imported everything once and forks a kernel for each submission."""
