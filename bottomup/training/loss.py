"""How far predicted fields are from the target."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from bottomup.skeleton import Skeleton
from bottomup.training.config import TrainConfig

Stages = Sequence[tuple[torch.Tensor, torch.Tensor]]
"""Logits (B, K, h, w) and pafs (B, 2L, h, w) of each stage of a network."""


class RecipeLoss(nn.Module):
    """What every loss takes from a recipe: how much each joint counts (K,), and which stages do."""

    joint_weights: torch.Tensor

    def __init__(self, config: TrainConfig, skeleton: Skeleton) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("joint_weights", joint_weights(config.joint_weights, skeleton), persistent=False)

    def supervised(self, stages: Stages) -> Stages:
        """All stages or, without `intermediate`, the last."""
        return stages if self.config.intermediate else stages[-1:]


class FieldLoss(RecipeLoss):
    """`field_loss` as a recipe wants it."""

    def forward(
        self,
        stages: Stages,
        heatmaps: torch.Tensor,
        pafs: torch.Tensor,
        weights: torch.Tensor,
        known: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Losses of heatmaps and pafs; see `CropMaker` for the target."""
        config, stages = self.config, self.supervised(stages)
        of_joints, of_pafs = torch.split(known, [heatmaps.shape[1], pafs.shape[1]], dim=1)
        of_joints = self.joint_weights * of_joints
        return field_loss(
            stages, heatmaps, pafs, weights, config.foreground, of_joints, of_pafs, hard_joints=config.hard_joints,
            heatmap_loss=config.heatmap_loss,
        )  # fmt: skip


def joint_weights(named: Sequence[tuple[str, float]], skeleton: Skeleton) -> torch.Tensor:
    """(K,) how much each joint counts: 1, or what stands beside its name, with or without left_ and right_.

    Raises ValueError that lists the names which no joint of the skeleton has.
    """
    weights = torch.ones(skeleton.num_joints)
    unknown = []
    for name, weight in named:
        fitting = [n for n, joint in enumerate(skeleton.joints) if name in (joint, joint.partition("_")[2])]
        weights[fitting] = weight
        unknown += [] if fitting else [name]
    if unknown:
        raise ValueError(f"joint_weights must name joints of {skeleton.name} but has {unknown}")
    return weights


def field_loss(
    stages: Stages,
    heatmaps: torch.Tensor,
    pafs: torch.Tensor,
    weights: torch.Tensor,
    foreground: float,
    joint_weights: torch.Tensor | None = None,
    paf_weights: torch.Tensor | None = None,
    *,
    hard_joints: int = 0,
    heatmap_loss: str = "cross_entropy",
) -> tuple[torch.Tensor, torch.Tensor]:
    """Summed over channels and stages, averaged over cells.

    Heatmaps (as logits) are compared by cross-entropy, which does not fade where a joint was overlooked and whose
    best answer to an uncertain target is its mean; pafs by squared error. A cell counts 1 + `foreground` times its
    target, since nearly all cells are empty. Of the cross-entropy the target's own entropy is taken off, so a
    perfect answer has loss 0. `heatmap_loss` "mse" compares heatmaps by squared error too (Simple Baselines, Xiao et
    al., ECCV 2018, and HRNet).

    Parameters
    ----------
    stages:
        What the network says.
    heatmaps, pafs:
        The target.
    weights:
        (B, 1, h, w), 0 where the target is not known.
    foreground:
        How much more a cell counts where its target is 1.
    joint_weights, paf_weights:
        (B, K) and (B, 2L) how much each channel counts; None: all the same.
    hard_joints:
        Above 0: of each crop, only so many joints count in the last stage, those with the largest loss (online hard
        keypoint mining, Chen et al., Cascaded Pyramid Network, arXiv:1711.07319, section 3.2); scaled up, so that
        the loss does not get smaller for it.
    heatmap_loss:
        `cross_entropy` or `mse`.

    Returns the (scalar) losses of heatmaps and pafs.
    """
    cells = weights.sum().clamp(min=1)
    heat_weights = weights * (1 + foreground * heatmaps)
    if joint_weights is not None:
        heat_weights = heat_weights * joint_weights[:, :, None, None]
    vector_weights = weights * (1 + foreground * pafs.abs())
    if paf_weights is not None:
        vector_weights = vector_weights * paf_weights[:, :, None, None]
    entropy = functional.binary_cross_entropy(heatmaps, heatmaps, heat_weights, reduction="none").sum((2, 3))
    heat_loss = paf_loss = torch.zeros((), device=heatmaps.device)
    for number, (logits, predicted) in enumerate(stages, start=1):
        if heatmap_loss == "mse":
            of_joints = (heat_weights * (torch.sigmoid(logits.float()) - heatmaps) ** 2).sum((2, 3))  # (B, K)
        else:
            cross = functional.binary_cross_entropy_with_logits(
                logits.float(), heatmaps, heat_weights, reduction="none"
            )
            of_joints = cross.sum((2, 3)) - entropy
        if 0 < hard_joints < of_joints.shape[1] and number == len(stages):
            of_joints = of_joints.topk(hard_joints, dim=1).values * (of_joints.shape[1] / hard_joints)
        heat_loss = heat_loss + of_joints.sum()
        paf_loss = paf_loss + (vector_weights * (predicted.float() - pafs) ** 2).sum()
    return heat_loss / cells, paf_loss / cells
