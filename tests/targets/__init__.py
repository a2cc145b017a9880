"""Targets: by argument vectors, and live against servers that the tests start."""
