"""What users call, what runs and what specifies it have the same names."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAGES = ["peaks", "limbs", "limb_tracing", "tags", "upsample"]


def names(folder: str, suffix: str) -> set[str]:
    return {path.stem for path in (ROOT / folder).glob(f"*{suffix}")}


@pytest.mark.skipif(not (ROOT / "csrc").is_dir(), reason="the sources of the extension are not here")
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_one_name_everywhere(stage: str) -> None:
    assert (ROOT / "csrc" / f"{stage}.h").is_file()
    assert (ROOT / "csrc/cpu" / f"{stage}.cpp").is_file()
    assert (ROOT / "csrc/cuda" / f"{stage}.cu").is_file()
    assert (ROOT / "bottomup/kernels/reference" / f"{stage}.py").is_file()


def test_every_kernel_has_a_reference() -> None:
    helpers = {"__init__", "field", "gpu_array", "options", "noise"}
    kernels = names("bottomup/kernels", ".py") - helpers
    # Upsampling is a part of find_peaks for those who call it.
    assert names("bottomup/kernels/reference", ".py") - {"__init__"} == kernels | {"upsample"}
    assert kernels | {"upsample"} == {*STAGES, "fused"}
