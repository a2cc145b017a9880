"""The job's processes: its pty, process tree, cgroup, sandbox and start."""
