"""The files of a job: its directory, its log, and views computed from the log."""
