"""The teacher's maps: 8 bits there and back, the cache, and the real network where it is at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18
from bottomup.training.teacher import Teacher, num_groups, pack


def test_packing_keeps_values_to_a_255th_and_order() -> None:
    rng = np.random.default_rng(0)
    heat = rng.uniform(-0.2, 1.2, (18, 5, 7)).astype(np.float32)
    pafs = rng.uniform(-1.2, 1.2, (38, 5, 7)).astype(np.float32)
    packed = pack(heat, pafs)
    assert packed.shape == (num_groups(OPENPOSE_COCO_18), 5, 7, 4) == (14, 5, 7, 4)
    channels = packed.transpose(0, 3, 1, 2).reshape(-1, 5, 7).astype(float)
    np.testing.assert_allclose(channels[:18] / 255, heat.clip(0, 1), atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose((channels[18:56] - 128) / 127, pafs.clip(-1, 1), atol=0.5 / 127 + 1e-6)
    # Nothing must stay nothing, or an empty photo would be full of faint limbs.
    assert (pack(np.zeros((18, 1, 1), np.float32), np.zeros((38, 1, 1), np.float32))[5:] == 128).all()


def test_says_what_is_wrong_with_a_network(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    with pytest.raises(FileNotFoundError, match="xml must be an OpenVINO network"):
        Teacher(tmp_path / "none.xml", OPENPOSE_COCO_18)


@pytest.mark.slow
def test_the_real_teacher_sees_a_person_and_remembers_it(openvino_network: Path, tmp_path: Path) -> None:
    data = pytest.importorskip("skimage.data")
    photo = np.ascontiguousarray(data.astronaut()[:, :, ::-1])
    teacher = Teacher(openvino_network, OPENPOSE_COCO_18, threads=1)
    half, whole = teacher.maps(photo, [0.5, 0.74], tmp_path / "deep" / "a.npz")
    assert half.groups.shape == (14, 32, 32, 4)
    assert whole.groups.shape == (14, 48, 48, 4)
    nose = half.groups[0, :, :, 0]
    row, column = np.unravel_index(nose.argmax(), nose.shape)
    assert nose.max() > 150
    # Her nose is near (227, 120) of the 512 x 512 photo.
    assert abs((column + 0.5) * 8 / 0.5 - 227) < 16
    assert abs((row + 0.5) * 8 / 0.5 - 120) < 16
    again = teacher.maps(np.zeros_like(photo), [0.5, 0.74], tmp_path / "deep" / "a.npz")
    np.testing.assert_array_equal(again[1].groups, whole.groups)
    assert [one.scale for one in again] == [0.5, 0.74]
    (other,) = teacher.maps(photo, [0.25], tmp_path / "deep" / "a.npz")
    assert other.groups.shape == (14, 16, 16, 4), "kept maps of other scales are not taken for these"
    with pytest.raises(ValueError, match="xml must have the outputs of coco17"):
        Teacher(openvino_network, COCO_17)
