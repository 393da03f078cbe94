from __future__ import annotations

import pickle
from typing import Any

import pytest

from bottomup.networks.calibration import Calibration, Curve
from bottomup.networks.export.onnx import read_facts, write_facts
from bottomup.networks.info import NetworkInfo
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18, get_skeleton, reported_skeleton


def facts(**changes: Any) -> dict[str, Any]:
    return {"skeleton": COCO_17, "stride": 8, "alignment": 32} | changes


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"skeleton": "coco17"}, TypeError, "skeleton must be a Skeleton but is a str"),
        ({"stride": 0}, ValueError, "stride must be from 1 to 64 but is 0"),
        ({"stride": 8.0}, TypeError, "stride must be a whole number but is 8.0"),
        ({"alignment": 12}, ValueError, "alignment must be a multiple of the stride 8 but is 12"),
        ({"alignment": 10**9}, ValueError, "alignment must be from 1 to 2048"),
        ({"task": "dancing"}, ValueError, "task must be one of"),
        ({"task": "crops"}, ValueError, "crop_size must be above 0 for crops and 0 for crops but is 0"),
        ({"crop_size": 128}, ValueError, "crop_size must be above 0 for crops and 0 for fields but is 128"),
        ({"y_offset": float("nan")}, ValueError, "y_offset must be within a stride of 8 but is nan"),
        ({"default_settings": {"colour": 1}}, ValueError, r"default_settings must be of .* but has \['colour'\]"),
        ({"default_settings": {"input_height": 16384}}, ValueError, "input_height must be from 1 to 2048"),
        (
            {"default_settings": {"pose_denoiser": "x"}},
            ValueError,
            r"pose_denoiser must be one of \['default'\] but is 'x'",
        ),
        ({"default_settings": {"person_threshold": 7}}, ValueError, "person_threshold must be from 0 to 1 but is 7"),
        ({"calibration": {"people": [0.3, 0.05]}}, TypeError, "calibration must be a Calibration but is a dict"),
        ({"refine_share": 0}, ValueError, "refine_share must be above 0, up to 1, but is 0"),
        ({"refine_share": "half"}, TypeError, "refine_share must be a number but is 'half'"),
        ({"default_settings": 5}, TypeError, "default_settings must be a mapping"),
    ],
)
def test_facts_are_checked(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        NetworkInfo(**facts(**changes))


def test_facts_go_through_a_file_and_a_pickle() -> None:
    curves = Calibration(Curve(0.3, 0.05), Curve(0.4, 0.2))
    info = NetworkInfo(**facts(default_settings={"input_height": 480}, name="a", calibration=curves, refine_share=0.4))
    assert read_facts(write_facts(info), "a") == info
    assert pickle.loads(pickle.dumps(info)) == info


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "it has format 'other'"),
        ({"stride": None}, r"its metadata lack \['stride'\]"),
        ({"stride": "eight"}, "Expecting value"),
        ({"stride": "1e9"}, "stride must be a whole number"),
        ({"skeleton": '["coco17"]'}, "skeleton must be a table"),
        ({"skeleton": '"centaur"'}, "skeleton must be one of"),
        ({"preferred": '{"input_height": 1000000}'}, "input_height must be"),
        ({"preferred": "[" * 100_000}, "nested too deep"),
    ],
)
def test_facts_of_a_file_are_checked(changes: dict[str, str | None], message: str) -> None:
    metadata = {**write_facts(NetworkInfo(**facts())), **changes}
    with pytest.raises((TypeError, ValueError), match=message):
        read_facts({name: value for name, value in metadata.items() if value is not None})


def test_openpose_is_reported_as_coco() -> None:
    assert reported_skeleton(OPENPOSE_COCO_18) == COCO_17
    for name in ("coco17", "body25", "crowdpose14"):
        assert reported_skeleton(get_skeleton(name)) == get_skeleton(name)
