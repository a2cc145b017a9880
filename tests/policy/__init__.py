"""Policy, sandboxes and the environment of jobs."""
