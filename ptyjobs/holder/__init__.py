"""One process per job: the poll loop, the requests of its clients, and the job it owns."""
