"""Testing programs that talk to a terminal: what stands behind the pytest fixtures."""
