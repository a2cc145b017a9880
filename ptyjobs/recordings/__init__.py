"""Recordings: a job's log with its time index, as values and asciicast files; playback."""

from ptyjobs.recordings.export import export_cast, export_raw, text_of
from ptyjobs.recordings.read import read
from ptyjobs.recordings.recording import Moment, Recording

__all__ = ["Moment", "Recording", "export_cast", "export_raw", "read", "text_of"]
