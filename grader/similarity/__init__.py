"""A stage: pairs of submissions that share more code than chance and the handout explain."""
