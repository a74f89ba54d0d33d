"""From files to records: what students hand in, and what an assignment folder asks."""
