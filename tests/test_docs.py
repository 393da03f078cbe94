"""README and the pages of docs: their examples run as they stand, their commands exist, their paths lead somewhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from bottomup import People
from bottomup.cli import app
from bottomup.networks.field_network import FieldNetwork, NetworkConfig, save_network
from bottomup.weights import find_weights

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

# Pages whose examples need what no test run has: a video of somebody, a service that listens.
NOT_RUN = {"video.md", "deployment.md"}


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if python_blocks(page) and page.name not in NOT_RUN], ids=lambda page: page.name
)
def test_the_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pytest.importorskip("skimage.data")
    if find_weights("default") is None:
        pytest.skip("the built-in network is not in this source tree")
    monkeypatch.chdir(tmp_path)
    image = data.astronaut()[:, :, ::-1]
    cv2.imwrite("photo.jpg", image)
    names: dict[str, Any] = {"boxes": [[70.0, 0, 430, 512]], "image": image, "cv2": cv2}
    # No network for crops comes with the package; an untrained one does for this.
    small = NetworkConfig(channels=8, widths=(8, 8, 8, 8), depths=(0, 0, 0), task="crops", crop_size=64)
    Path("runs/crops").mkdir(parents=True)
    save_network(FieldNetwork(small), "runs/crops/weights.safetensors")
    if page.name == "batch.md":  # what its commands leave is read
        result = CliRunner().invoke(app, ["batch", "photo.jpg", "--out", "people"])
        assert result.exit_code == 0, result.output
    for block in python_blocks(page):
        exec(compile(block, str(page), "exec"), names)
        if "decode_fields(" in block:
            assert isinstance(names["people"], People)
            drawn = np.array(names["poses"])
            found = names["people"].keypoints[np.argsort(names["people"].keypoints[:, 0, 1])]
            np.testing.assert_allclose(found, drawn, atol=1.0)
    for picture in re.findall(r"imwrite\(\"(.*?)\"", page.read_text(encoding="utf-8")):
        assert cv2.imread(picture).shape == (512, 512, 3)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name in NOT_RUN], ids=lambda page: page.name)
def test_what_the_other_examples_import_exists(page: Path) -> None:
    imports = [
        node
        for block in python_blocks(page)
        for node in ast.walk(ast.parse(block, str(page)))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bottomup")
    ]
    for node in imports:
        exec(compile(ast.Module([node], []), str(page), "exec"), {})


@pytest.mark.slow
def test_the_commands_exist() -> None:
    """Every `bottomup ...` of the pages names a command and options that there are."""
    checked = 0
    for page in PAGES:
        pattern = r"(?:^    |^\$ |^|`|bin/|-m )bottomup ([a-z][^`\n]*)"
        for line in re.findall(pattern, commands_of(page.read_text(encoding="utf-8")), re.MULTILINE):
            words = line.split(" #")[0].split()
            command = words[:2] if words[0] in ("weights", "bench", "export") else words[:1]
            command = [word for word in command if not word.startswith("-")]
            shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"})
            assert shown.exit_code == 0, f"{page.name}: {line}"
            for option in (word.split("=")[0] for word in words if word.startswith("--") and word != "--help"):
                assert option in shown.output, f"{page.name}: {line}"
            checked += 1
    assert checked >= 20


def commands_of(text: str) -> str:
    """What is code in a page: fenced and indented blocks, and inline code, a line each."""
    fenced = re.findall(r"```(?:bash|text|console)?\n(.*?)```", text, re.DOTALL)
    without = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    indented = re.findall(r"^    bottomup .*$", without, re.MULTILINE)
    inline = re.findall(r"`(bottomup [a-z][^`]*)`", without)
    return "\n".join([*fenced, *indented, *(code.replace("\n", " ") for code in inline)])


def test_the_paths_exist() -> None:
    """Every path of this repository that a page names as code is there."""
    missing, seen = [], 0
    for page in PAGES:
        for path in re.findall(
            r"`((?:bottomup|csrc|tests|docs|packaging|\.ci|\.github)/[\w./*-]*)`", page.read_text("utf-8")
        ):
            seen += 1
            if "/X" not in path and not any(ROOT.glob(path.rstrip("/"))):
                missing.append(f"{page.name}: {path}")
    assert not missing
    assert seen > 50


def test_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150
