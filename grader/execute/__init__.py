"""Runs a submission and brings back what was recorded: the only stage that touches the student's process."""
