"""How far the heatmaps of crops around one person are from that person's joints."""

from __future__ import annotations

import torch
from torch.nn import functional

from bottomup.training.loss import RecipeLoss, Stages, field_loss


class CropLoss(RecipeLoss):
    """The loss that a recipe's `crop_loss` names.

    candidates: the heatmaps are compared cell by cell, as in `field_loss`, with a target that holds the person's joints
        and, lower, other people's (the joint-candidate loss of Li et al., CVPR 2019).
    softmax: cross-entropy of a softmax over all cells, one of which is right (Keypoint R-CNN; He et al., ICCV 2017,
        sec. 5). For labelled joints in the crop only.
    integral: distance in cells, |x| + |y|, of the softmax's mean to the joint (Sun et al., ECCV 2018, eq. 4 and 7).
    """

    def forward(
        self,
        stages: Stages,
        heatmaps: torch.Tensor,
        cells: torch.Tensor,
        seen: torch.Tensor,
        labelled: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss, and 0 for the pafs that there are none of; see `PersonCropMaker` for the target."""
        config, stages = self.config, self.supervised(stages)
        if config.crop_loss == "candidates":
            everywhere = torch.ones_like(heatmaps[:, :1])
            no_pafs = heatmaps[:, :0]
            weights = self.joint_weights * labelled
            return field_loss(
                stages, heatmaps, no_pafs, everywhere, config.foreground, weights, hard_joints=config.hard_joints,
                heatmap_loss=config.heatmap_loss,
            )  # fmt: skip
        loss = softmax_loss if config.crop_loss == "softmax" else integral_loss
        weights = self.joint_weights * seen
        total = torch.stack([loss(logits, cells, weights) for logits, _ in stages]).sum()
        return total, torch.zeros_like(total)


def softmax_loss(logits: torch.Tensor, cells: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Cross-entropy (nats, mean over the weights (B, K)) of logits (B, K, h, w) with the cell of each joint.

    cells: (B, K, 2) x and y; the nearest cell of the map is the right one.
    """
    height, width = logits.shape[2:]
    x = cells[..., 0].round().clamp(0, width - 1).long()
    y = cells[..., 1].round().clamp(0, height - 1).long()
    right = (y * width + x).reshape(-1)
    each = functional.cross_entropy(logits.float().flatten(2).flatten(0, 1), right, reduction="none")
    return (each * weights.reshape(-1)).sum() / weights.sum().clamp(min=1)


def integral_loss(logits: torch.Tensor, cells: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """|x| + |y| in cells (mean over the weights (B, K)) between the softmax's mean place and each joint."""
    height, width = logits.shape[2:]
    shares = logits.float().flatten(2).softmax(dim=2).view(logits.shape)
    x = shares.sum(2) @ torch.arange(width, device=logits.device, dtype=torch.float32)
    y = shares.sum(3) @ torch.arange(height, device=logits.device, dtype=torch.float32)
    apart = (torch.stack([x, y], dim=2) - cells).abs().sum(2)
    return (apart * weights).sum() / weights.sum().clamp(min=1)
