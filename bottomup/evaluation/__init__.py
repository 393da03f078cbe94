"""How good the people are that a detector finds."""

from __future__ import annotations

from bottomup.datasets import Labels, read_labels
from bottomup.evaluation.coco import evaluate, evaluate_results
from bottomup.evaluation.metrics import METRICS, Evaluation, evaluate_metric
from bottomup.evaluation.results import read_results

__all__ = [
    "METRICS",
    "Evaluation",
    "Labels",
    "evaluate",
    "evaluate_metric",
    "evaluate_results",
    "read_labels",
    "read_results",
]
