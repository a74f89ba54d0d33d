"""From an untrusted recording to validated facts."""
