"""ptyjobs: interactive jobs under a real terminal, for agents, people and tests."""

__version__ = "0.1.0"
