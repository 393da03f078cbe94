"""The facts about installation and machine."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from bottomup.environment import Finding, _architectures, findings


@pytest.mark.parametrize(
    ("installed", "value"),
    [("opencv-python", "5.0"), ("opencv-python-headless", "5.0 (opencv-python-headless)"), ("none", "not installed")],
)
def test_every_build_of_opencv_is_known(installed: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bottomup.environment._version", lambda name: "5.0" if name == installed else None)
    (opencv,) = (finding for finding in findings() if finding.name == "opencv-python")
    assert (opencv.value, opencv.ok) == (value, installed != "none")


def test_architectures_are_named_as_people_do() -> None:
    assert _architectures("75-real 90-real 100-virtual") == "sm_75, sm_90, PTX for 100 and newer"
    assert _architectures("90") == "sm_90, PTX for 90 and newer"


@pytest.mark.parametrize(
    ("faults", "ok"), [(["", "CUDA failed to run a kernel: no kernel image"], [True, False]), ([], [])]
)
def test_whether_the_kernels_run_on_a_gpu_is_told(
    monkeypatch: pytest.MonkeyPatch, faults: list[str], ok: list[bool]
) -> None:
    from bottomup._extension import _C

    pytest.importorskip("torch")
    monkeypatch.setattr(_C, "cuda_device_faults", lambda: faults)
    found = [finding for finding in findings() if finding.name.startswith("kernels on GPU")]
    assert [finding.value for finding in found] == [fault or "run" for fault in faults]
    assert [finding.ok for finding in found] == ok


def test_torch_that_is_not_there_is_merely_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    found = [finding for finding in findings() if finding.group == "GPU"]
    assert [finding.name for finding in found] == ["torch"]
    assert found[0].ok
    assert found[0].value.startswith("not installed")


def test_what_is_broken_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bottomup._C", None)
    monkeypatch.delattr("bottomup._C", raising=False)
    monkeypatch.delitem(sys.modules, "bottomup._extension", raising=False)
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    found = {(f.group, f.name): f for f in findings()}
    assert not found["kernels", "extension"].ok
    assert found["GPU", "error"] == Finding("GPU", "error", found["GPU", "error"].value, ok=False)
    assert found["networks", "cache"].ok
