"""Decide when a program is ready for input, from kernel facts and output, on a virtual clock."""
