"""The web viewer: all jobs at a glance, one job full, replay. Needs the extra `ptyjobs[web]`."""
