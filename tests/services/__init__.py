"""Services: readiness, ports, restarts, a project's Procfile, limits, many jobs."""
