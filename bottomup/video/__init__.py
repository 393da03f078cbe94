"""Videos: frames in, people with ids out, and a picture that moves."""

from bottomup.video.errors import VideoError
from bottomup.video.frames import Frame, FrameOptions, SourceInfo, SourceStats
from bottomup.video.sources import open_source
from bottomup.video.track import TrackedVideo, track_video

__all__ = [
    "Frame",
    "FrameOptions",
    "SourceInfo",
    "SourceStats",
    "TrackedVideo",
    "VideoError",
    "open_source",
    "track_video",
]
