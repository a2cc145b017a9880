"""Testing of terminal programs: the implementation of the pytest fixtures."""
