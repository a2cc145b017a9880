"""ptyjobs: interactive jobs under a real terminal, for agents and people."""

__version__ = "0.1.0"
