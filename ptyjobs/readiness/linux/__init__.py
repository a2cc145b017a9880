"""Kernel facts about a job's processes, read from /proc."""
