"""Labelled photos: what the training and the evaluation read."""

from __future__ import annotations

from bottomup.datasets.coco import Photo, read_coco, read_plain, validation_ids

__all__ = ["Photo", "read_coco", "read_plain", "validation_ids"]
