"""A `Grade` as JSON, as a page and as lines in a terminal. Nothing here judges: it only shows."""
