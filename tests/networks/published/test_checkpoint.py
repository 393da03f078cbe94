"""Checkpoint files of others: what is read, and that nothing in them runs."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from bottomup.networks.published.checkpoint import load_tensors, read_checkpoint


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "keypoint_head.", "module.backbone."])
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
def test_every_container_gives_the_same_tensors(tmp_path: Path, prefix: str, wrapped: bool, zipped: bool) -> None:
    source = network()
    tensors: dict[str, Any] = {f"{prefix}{name}": value for name, value in source.state_dict().items()}
    content = {"epoch": 3, "state_dict": tensors, "optimizer": {}} if wrapped else tensors
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    read = read_checkpoint(tmp_path / "a.pth")
    assert read.keys() == source.state_dict().keys()
    other = network()
    load_tensors(other, read, "a.pth")
    assert all(torch.equal(a, b) for a, b in zip(source.parameters(), other.parameters(), strict=True))


def test_tensors_from_a_gpu_come_to_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.serialization, "location_tag", lambda _: "cuda:0")
    torch.save(network().state_dict(), tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    monkeypatch.undo()
    assert {value.device.type for value in read_checkpoint(tmp_path / "a.pth").values()} == {"cpu"}


def test_counters_may_be_missing_and_more_may_be_there() -> None:
    tensors = {
        name: value for name, value in network().state_dict().items() if not name.endswith("num_batches_tracked")
    }
    load_tensors(network(), tensors | {"fc.weight": torch.zeros(9, 9)}, "a.pth")


def test_what_is_missing_or_wrong_is_named() -> None:
    tensors = network().state_dict()
    for name, change, words in (
        ("0.weight", None, r"'a\.pth' lacks 0\.weight"),
        ("0.bias", torch.zeros(5), r"0\.bias \(5,\) instead of \(4,\)"),
        ("1.running_var", torch.full((4,), torch.nan), r"others in 1\.running_var"),
        ("1.weight", torch.ones(4, dtype=torch.int16), r"others in 1\.weight"),
    ):
        changed = {key: value for key, value in tensors.items() if key != name}
        if change is not None:
            changed[name] = change
        with pytest.raises(ValueError, match=words):
            load_tensors(network(), changed, "a.pth")


class Attack:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("attacked"),))


def test_nothing_in_a_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {"a": torch.zeros(1)}, "optimizer": Attack()}, "a.pth")
    Path("b.pth").write_bytes(pickle.dumps(Attack()))
    for name in ("a.pth", "b.pth"):
        with pytest.raises(ValueError, match=rf"model must be a checkpoint of PyTorch but '{name}' cannot be read"):
            read_checkpoint(name)
    assert not Path("attacked").exists()


def test_files_that_are_no_checkpoints(tmp_path: Path) -> None:
    torch.save(network().state_dict(), tmp_path / "a.pth")
    whole = (tmp_path / "a.pth").read_bytes()
    for number, content in enumerate((b"", b"text", whole[: len(whole) // 2])):
        path = tmp_path / f"{number}.pth"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="model must be a checkpoint of PyTorch"):
            read_checkpoint(path)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="model must be a checkpoint with tensors"):
        read_checkpoint(tmp_path / "list.pth")
    with pytest.raises(FileNotFoundError, match="model must be an existing file"):
        read_checkpoint(tmp_path / "none.pth")
