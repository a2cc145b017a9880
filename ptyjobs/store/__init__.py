"""The files of a job: its directory, its log, and what is read from the log."""
