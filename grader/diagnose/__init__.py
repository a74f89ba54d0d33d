"""Named mistakes: each says which invariant it saw violated, where, and what it costs."""
