"""Labelled photos: what the training and the evaluation read."""

from __future__ import annotations

from bottomup.datasets.coco import read_coco
from bottomup.datasets.folder import LABEL_FILES, find_labels, read_folder, read_plain
from bottomup.datasets.joints import category_skeleton, labels_skeleton
from bottomup.datasets.lsp import read_lsp
from bottomup.datasets.mpii import read_mpii
from bottomup.datasets.photo import Photo, joint_boxes, validation_ids

__all__ = [
    "LABEL_FILES",
    "Photo",
    "category_skeleton",
    "find_labels",
    "joint_boxes",
    "labels_skeleton",
    "read_coco",
    "read_folder",
    "read_lsp",
    "read_mpii",
    "read_plain",
    "validation_ids",
]
