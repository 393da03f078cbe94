"""Labelled photos: what the training, the evaluation and the benchmarks read. No other part reads annotation files."""

from __future__ import annotations

from bottomup.datasets.categories import skeleton_from_category
from bottomup.datasets.coco import read_coco
from bottomup.datasets.folder import read_folder, read_labels, read_plain
from bottomup.datasets.labels import Labels
from bottomup.datasets.lsp import read_lsp
from bottomup.datasets.mpii import read_mpii
from bottomup.datasets.paths import LABEL_FILES, annotation_file
from bottomup.datasets.photo import AREA_OF_BOX, PhotoLabels, joint_boxes, validation_ids

__all__ = [
    "AREA_OF_BOX",
    "LABEL_FILES",
    "Labels",
    "PhotoLabels",
    "annotation_file",
    "joint_boxes",
    "read_coco",
    "read_folder",
    "read_labels",
    "read_lsp",
    "read_mpii",
    "read_plain",
    "skeleton_from_category",
    "validation_ids",
]
