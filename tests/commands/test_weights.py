"""`bottomup weights`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bottomup.cli import app

run = CliRunner().invoke


def test_weights_list_names_every_network() -> None:
    from bottomup.weights import list_weights

    result = run(app, ["weights", "list"])
    assert result.exit_code == 0, result.output
    names = [line.split("\t")[0] for line in result.stdout.splitlines()]
    assert names == ["network", *(network.name for network in list_weights())]


def test_weights_get_prints_where_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "human-pose-estimation-0001"
    folder.mkdir()
    for ending in (".xml", ".bin"):
        (folder / f"human-pose-estimation-0001{ending}").write_bytes(b"x")
    monkeypatch.setenv("BOTTOMUP_WEIGHTS", str(tmp_path))
    result = run(app, ["weights", "get", "human-pose-estimation-0001"])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(folder / "human-pose-estimation-0001.xml")


def test_the_table_tells_what_a_network_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BOTTOMUP_CACHE", str(tmp_path))
    lines = run(app, ["weights", "list"]).stdout.splitlines()
    rows = {line.split("\t")[0]: dict(zip(lines[0].split("\t"), line.split("\t"), strict=True)) for line in lines[1:]}
    openpose = rows["openpose-coco"]
    assert (openpose["family"], openpose["joints"], openpose["stride"]) == ("OpenPose", "18", "8")
    assert (openpose["MB"], openpose["AP"]) == ("209.3", "0.618")
    assert openpose["licence"].startswith("NON-COMMERCIAL")
    assert rows["default"]["AP"].endswith("*")
    assert rows["higherhrnet-w32-crowdpose"]["AP"] == "0.655 (CrowdPose)"
    assert (rows["openpose-mpi"]["AP"], rows["openpose-mpi"]["joints"]) == ("", "15")
    assert (rows["human-pose-estimation-0007"]["stride"], rows["human-pose-estimation-0007"]["AP"]) == ("2", "0.543")
    assert "by hand from https://" in rows["hrnet-w32"]["where"]


def test_a_licence_that_forbids_commercial_use_is_asked_for_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import bottomup.weights.download

    fetched = []
    monkeypatch.setenv("BOTTOMUP_CACHE", str(tmp_path))
    monkeypatch.setattr(bottomup.weights.download, "fetch", lambda file, folder, **_: fetched.append(file.name))
    refused = run(app, ["weights", "get", "openpose-coco"])
    assert refused.exit_code == 1
    assert "is not for commercial use" in refused.output
    assert not fetched
    assert run(app, ["weights", "get", "openpose-coco", "--accept-licence"]).exit_code == 0
    assert run(app, ["weights", "get", "openpose-coco"]).exit_code == 0, "it was accepted before"
    assert fetched == ["body_pose_model.pth"] * 2


def test_what_cannot_be_downloaded_says_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BOTTOMUP_CACHE", str(tmp_path))
    result = run(app, ["weights", "get", "hrnet-w32"])
    assert result.exit_code == 1
    assert "get pose_hrnet_w32_256x192.pth from https://github.com/leoxiaobin" in " ".join(result.output.split())


def test_a_checkpoint_is_converted(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from bottomup import Detector
    from bottomup.networks.published.lightweight_openpose import LightweightOpenPose

    torch.manual_seed(0)
    network = LightweightOpenPose()
    torch.save({"state_dict": network.state_dict(), "optimizer": {}}, tmp_path / "a.pth")
    result = run(app, ["weights", "convert", str(tmp_path / "a.pth"), str(tmp_path / "a.safetensors")])
    assert result.exit_code == 0, result.output
    assert "Lightweight OpenPose" in result.output
    image = np.full((1, 64, 96, 3), 77, np.uint8)
    old, new = (Detector(tmp_path / name, device="cpu") for name in ("a.pth", "a.safetensors"))
    assert new.info == old.info
    for one, other in zip(new.backend.run(image), old.backend.run(image), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (tmp_path / "a.safetensors").stat().st_size < 1.02 * 4 * sum(p.numel() for p in network.parameters()) + 2e5
    wrong = run(app, ["weights", "convert", str(tmp_path / "a.pth"), str(tmp_path / "a.npz")])
    assert (wrong.exit_code, "OUT must end in .safetensors" in wrong.output) == (2, True)
    (tmp_path / "b.pth").write_bytes((tmp_path / "a.pth").read_bytes()[:5000])
    assert run(app, ["weights", "convert", str(tmp_path / "b.pth"), str(tmp_path / "b.safetensors")]).exit_code == 2
    assert not (tmp_path / "b.safetensors").exists()
