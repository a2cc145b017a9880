"""Text for callers: fresh output, echo, prompts, patterns, sanitizing."""
