"""How far predicted fields are from the target."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional


def field_loss(
    stages: Sequence[tuple[torch.Tensor, torch.Tensor]],
    heatmaps: torch.Tensor,
    pafs: torch.Tensor,
    weights: torch.Tensor,
    foreground: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Summed over channels and stages, averaged over cells.

    Heatmaps (as logits) are compared by cross-entropy, which does not fade where a joint was overlooked and whose
    best answer to an uncertain target is its mean; pafs by squared error. A cell counts 1 + `foreground` times its
    target, since nearly all cells are empty. Of the cross-entropy the target's own entropy is taken off, so a
    perfect answer has loss 0.

    Parameters
    ----------
    stages:
        (logits (B, K, h, w), pafs (B, 2L, h, w)) per stage.
    heatmaps, pafs:
        The target.
    weights:
        (B, 1, h, w), 0 where the target is not known.
    foreground:
        How much more a cell counts where its target is 1.

    Returns the (scalar) losses of heatmaps and pafs.
    """
    cells = weights.sum().clamp(min=1)
    heat_weights = weights * (1 + foreground * heatmaps)
    paf_weights = weights * (1 + foreground * pafs.abs())
    entropy = functional.binary_cross_entropy(heatmaps, heatmaps, heat_weights, reduction="sum")
    heat_loss, paf_loss = -len(stages) * entropy, torch.zeros(())
    for logits, predicted in stages:
        heat_loss = heat_loss + functional.binary_cross_entropy_with_logits(
            logits.float(), heatmaps, heat_weights, reduction="sum"
        )
        paf_loss = paf_loss + (paf_weights * (predicted.float() - pafs) ** 2).sum()
    return heat_loss / cells, paf_loss / cells
