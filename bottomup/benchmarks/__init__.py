"""Benchmarks: how fast and how good the decoder is, on crowds made by code; `bottomup bench` runs them."""

from bottomup.benchmarks.cases import Case, make_cases
from bottomup.benchmarks.crowds import Crowd, crowd_index, make_crowd
from bottomup.benchmarks.noise import LEVELS, Noise, draw_crowd

__all__ = ["LEVELS", "Case", "Crowd", "Noise", "crowd_index", "draw_crowd", "make_cases", "make_crowd"]
