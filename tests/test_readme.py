"""The README's Python examples run as they stand, in its order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bottomup import People
from bottomup.networks.field_network import FieldNetwork, NetworkConfig, save_network
from bottomup.weights import find_weights

README = Path(__file__).parents[1] / "README.md"


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pytest.importorskip("skimage.data")
    if find_weights("default") is None:
        pytest.skip("the built-in network is not in this source tree")
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("photo.jpg", data.astronaut()[:, :, ::-1])
    names: dict[str, Any] = {"boxes": [[70.0, 0, 430, 512]]}
    # No network for crops comes with the package; an untrained one does for this.
    small = NetworkConfig(channels=8, widths=(8, 8, 8, 8), depths=(0, 0, 0), task="crops", crop_size=64)
    Path("runs/crops").mkdir(parents=True)
    save_network(FieldNetwork(small), "runs/crops/weights.safetensors")
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 4
    for block in blocks:
        exec(compile(block, str(README), "exec"), names)
        if "decode_fields(" in block:
            assert isinstance(names["people"], People)
            drawn = np.array(names["poses"])
            found = names["people"].keypoints[np.argsort(names["people"].keypoints[:, 0, 1])]
            np.testing.assert_allclose(found, drawn, atol=1.0)
    for picture in ("skeletons.jpg", "joints.jpg", "limbs.jpg"):
        assert cv2.imread(picture).shape == (512, 512, 3)


def test_the_commands_exist() -> None:
    """Every `bottomup ...` of the README names a command and options that there are."""
    from typer.testing import CliRunner

    from bottomup.cli import app

    text = README.read_text(encoding="utf-8")
    lines = re.findall(
        r"(?:^    |`|bin/)bottomup ((?:detect|eval|export|weights|doctor|train|bench)[^`\n]*)", text, re.MULTILINE
    )
    assert len(lines) >= 6
    for line in lines:
        words = line.split()
        command = words[:2] if words[0] in ("weights", "bench", "export") else words[:1]
        shown = CliRunner().invoke(app, [*command, "--help"])
        assert shown.exit_code == 0, line
        for option in (word for word in words if word.startswith("--") and word != "--help"):
            assert option in shown.output, line
