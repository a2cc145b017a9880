"""The web viewer: an overview of all jobs, one job in full, replay. Needs `ptyjobs[web]`."""
