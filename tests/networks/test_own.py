"""What is said of a network of somebody else's: what is refused, and what the channels mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bottomup.networks.calibration import Calibration, Curve
from bottomup.networks.own import NetworkFacts, facts_beside
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17

HAND = Skeleton("hand", ("wrist", "thumb", "finger"), ((0, 1), (0, 2)), sigmas=(0.06, 0.04, 0.04))


@pytest.mark.parametrize(
    ("order", "channels"),
    [("xy", [0, 1, 2, 3]), ("yx", [1, 0, 3, 2]), ("x then y", [0, 2, 1, 3]), ("y then x", [2, 0, 3, 1])],
)
def test_affinity_channels_in_every_order(order: str, channels: list[int]) -> None:
    assert NetworkFacts(HAND, 8, pafs=order).paf_channels.tolist() == channels


def test_pictures_are_seen_as_the_facts_say() -> None:
    picture = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)
    facts = NetworkFacts(HAND, 8, rgb=True, mean=(1, 2, 3), scale=2.0)
    wanted = (picture[..., ::-1].astype(float) - [1, 2, 3]) / 2
    np.testing.assert_allclose(facts.see(picture, "nhwc"), wanted)
    np.testing.assert_allclose(facts.see(picture, "nchw"), wanted.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(NetworkFacts(HAND, 8).see(picture, "nhwc"), picture)
    assert NetworkFacts(HAND, 8).alignment == 32
    assert NetworkFacts(HAND, 6).alignment == 6


@pytest.mark.parametrize(
    ("facts", "error", "message"),
    [
        ({"skeleton": "coco71", "stride": 8}, ValueError, "coco71"),
        ({"skeleton": "coco17"}, ValueError, r"must have skeleton and stride but lack \['stride'\]"),
        ({"stride": 8, "depth": 3}, ValueError, r"must be of \[.*'stride'.*\] but has \['depth'\]"),
        ({"skeleton": "coco17", "stride": 0}, ValueError, "stride must be from 1 to 64 but is 0"),
        ({"skeleton": "coco17", "stride": "8"}, TypeError, "stride must be a whole number but is '8'"),
        (
            {"skeleton": "coco17", "stride": 8, "alignment": 12},
            ValueError,
            "alignment must be a multiple of the stride 8",
        ),
        (
            {"skeleton": "coco17", "stride": 8, "background": "middle"},
            ValueError,
            "background must be one of .*'middle'",
        ),
        ({"skeleton": "coco17", "stride": 8, "pafs": "zx"}, ValueError, "pafs must be one of .* but is 'zx'"),
        ({"skeleton": "coco17", "stride": 8, "mean": (1, 2)}, ValueError, "mean must be a number or three"),
        ({"skeleton": "coco17", "stride": 8, "scale": 0}, ValueError, "scale must not be 0"),
        ({"skeleton": "coco17", "stride": 8, "calibration": 1}, TypeError, "calibration must have people and joints"),
        ({"skeleton": "coco17", "stride": 8, "rgb": 1}, TypeError, "rgb must be True or False but is 1"),
        (
            {"skeleton": "coco17", "stride": 8, "outputs": ("a", "b", "c")},
            ValueError,
            "outputs must be at most 2 names",
        ),
        (
            {"skeleton": "coco17", "stride": 8, "task": "tags"},
            ValueError,
            "task must be 'fields' or 'crops' but is 'tags'",
        ),
        ({"skeleton": "coco17", "stride": 8, "task": "crops"}, ValueError, "crop_size must be above 0 for crops"),
    ],
)
def test_a_fact_that_cannot_be_is_named(facts: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        NetworkFacts.of(facts)


def test_facts_lie_in_a_file_beside_the_network(tmp_path: Path) -> None:
    assert facts_beside(tmp_path / "hand.onnx") is None
    table = tmp_path / "hand.toml"
    table.write_text('skeleton = "coco17"\nstride = 4\noutputs = ["heat"]\ntask = "crops"\ncrop_size = [256, 192]\n')
    assert facts_beside(tmp_path / "hand.onnx") == NetworkFacts(
        COCO_17, 4, ("heat",), task="crops", crop_size=(256, 192)
    )
    table.write_text('skeleton = "coco17"\nstride = 4\ncalibration = {people = [0.3, 0.05], joints = [0.4, 0.2]}\n')
    facts = facts_beside(tmp_path / "hand.onnx")
    assert facts is not None
    assert facts.info("hand").calibration == Calibration(Curve(0.3, 0.05), Curve(0.4, 0.2))
    table.write_text('skeleton = "coco17"\nstride = 5000\n')
    with pytest.raises(ValueError, match=r"hand\.toml: stride must be from 1 to 64 but is 5000"):
        facts_beside(tmp_path / "hand.onnx")
    table.write_text("skeleton = ")
    with pytest.raises(ValueError, match=r"hand\.toml must be a TOML file with the facts of hand\.onnx"):
        facts_beside(tmp_path / "hand.onnx")
