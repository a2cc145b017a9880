"""Bytes that a terminal sends: named keys, typed text, mouse events."""
