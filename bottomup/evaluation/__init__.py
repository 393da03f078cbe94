"""How good the people are that a detector finds."""

from __future__ import annotations

from bottomup.evaluation.coco import evaluate, evaluate_results

__all__ = ["evaluate", "evaluate_results"]
