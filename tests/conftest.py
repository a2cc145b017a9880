"""What all tests share: pytest's own helper for running pytest inside a test."""

pytest_plugins = ["pytester"]
