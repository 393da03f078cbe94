"""Ids for the people of a video, frame after frame."""

from bottomup.tracking.options import TrackOptions
from bottomup.tracking.tracker import Tracker

__all__ = ["TrackOptions", "Tracker"]
