"""Shared by all tests: pytest's own helper for running pytest inside a test."""

pytest_plugins = ["pytester"]
