"""What counts in the loss."""

from __future__ import annotations

import pytest
import torch

from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18
from bottomup.training import Source, TrainConfig
from bottomup.training.loss import FieldLoss, field_loss, joint_weights


def fields() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits and the target of three joints, the second one worst and the third best; no limbs to speak of."""
    target = torch.full((2, 3, 4, 4), 0.1)
    logits = torch.logit(target) + torch.tensor([1.0, 3.0, 0.2]).view(1, 3, 1, 1)
    return logits, target, torch.zeros(2, 2, 4, 4), torch.ones(2, 1, 4, 4)


def heat(stages: int = 1, **options: object) -> float:
    logits, target, pafs, weights = fields()
    return field_loss([(logits, pafs)] * stages, target, pafs, weights, 4.0, **options)[0].item()  # type: ignore[arg-type]


def test_joint_weights_scale_the_joints_one_by_one() -> None:
    alone = [heat(joint_weights=torch.eye(3)[[joint, joint]]) for joint in range(3)]
    assert alone[1] > alone[0] > alone[2] > 0
    assert heat() == pytest.approx(sum(alone), rel=1e-4)
    assert heat(joint_weights=torch.tensor([[1.0, 2.0, 0.5]] * 2)) == pytest.approx(
        alone[0] + 2 * alone[1] + 0.5 * alone[2], rel=1e-4
    )


def test_of_hard_joints_only_the_worst_count_and_only_in_the_last_stage() -> None:
    alone = [heat(joint_weights=torch.eye(3)[[joint, joint]]) for joint in range(3)]
    assert heat(hard_joints=1) == pytest.approx(3 * alone[1], rel=1e-4)
    assert heat(hard_joints=2) == pytest.approx(1.5 * (alone[0] + alone[1]), rel=1e-4)
    assert heat(hard_joints=3) == heat(hard_joints=99) == heat()
    assert heat(2, hard_joints=1) == pytest.approx(sum(alone) + 3 * alone[1], rel=1e-4)


def test_hard_joints_are_those_of_each_crop() -> None:
    logits, target, pafs, weights = fields()
    logits[1] = logits[1].flip(0)[[1, 0, 2]]  # another order of joints in the second crop
    loss, _ = field_loss([(logits, pafs)], target, pafs, weights, 4.0, hard_joints=1)
    alone = heat(joint_weights=torch.eye(3)[[1, 1]])
    assert loss.item() == pytest.approx(3 * alone, rel=1e-4)


def test_channels_that_nobody_knows_do_not_count() -> None:
    config = TrainConfig((Source("a"),), foreground=4.0)
    target = torch.full((2, 18, 4, 4), 0.1)
    logits, pafs = torch.logit(target) + 1, torch.ones(2, 38, 4, 4)
    weights, known = torch.ones(2, 1, 4, 4), torch.ones(2, 56)
    loss = FieldLoss(config, OPENPOSE_COCO_18)
    everything = loss([(logits, pafs)], target, 0 * pafs, weights, known)
    known[:, :9] = 0
    known[1, 18:37] = 0
    some = loss([(logits, pafs)], target, 0 * pafs, weights, known)
    assert some[0].item() == pytest.approx(everything[0].item() / 2, rel=1e-4)
    assert some[1].item() == pytest.approx(everything[1].item() * 3 / 4, rel=1e-4)


def test_without_intermediate_supervision_the_last_stage_alone_counts() -> None:
    target = torch.full((1, 18, 4, 4), 0.1)
    good, bad, pafs = torch.logit(target), torch.logit(target) + 2, torch.zeros(1, 38, 4, 4)
    weights, known = torch.ones(1, 1, 4, 4), torch.ones(1, 56)
    both, last = (FieldLoss(TrainConfig((Source("a"),), intermediate=on), OPENPOSE_COCO_18) for on in (True, False))
    assert both([(bad, pafs), (good, pafs)], target, pafs, weights, known)[0] > 1
    assert last([(bad, pafs), (good, pafs)], target, pafs, weights, known)[0] == pytest.approx(0, abs=1e-5)
    assert last([(good, pafs), (bad, pafs)], target, pafs, weights, known)[0] > 1


def test_names_stand_for_both_sides() -> None:
    weights = joint_weights((("wrist", 1.5), ("left_knee", 1.2)), COCO_17)
    heavier = {joint: weight for joint, weight in zip(COCO_17.joints, weights.tolist(), strict=True) if weight != 1}
    assert heavier == pytest.approx({"left_wrist": 1.5, "right_wrist": 1.5, "left_knee": 1.2})
    assert joint_weights((("neck", 2.0),), OPENPOSE_COCO_18)[OPENPOSE_COCO_18.index("neck")] == 2
    with pytest.raises(ValueError, match=r"joint_weights must name joints of coco17 but has \['tail'\]"):
        joint_weights((("tail", 1.0), ("wrist", 1.5)), COCO_17)


def test_squared_error_of_heatmaps() -> None:
    logits, heatmaps = torch.zeros(1, 1, 1, 2), torch.tensor([[[[0.5, 1.0]]]])
    nothing, weights = torch.zeros(1, 0, 1, 2), torch.ones(1, 1, 1, 2)
    heat, paf = field_loss([(logits, nothing)], heatmaps, nothing, weights, 3.0, heatmap_loss="mse")
    # 0.5 is right in the first cell; the second is 0.5 off, weighs 1 + 3, and there are two cells.
    assert heat.item() == pytest.approx(0.25 * 4 / 2)
    assert paf.item() == 0
