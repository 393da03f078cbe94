"""What the package asks for: no version with a published advisory where the package uses it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]

# The first version without the advisories on code execution and memory safety that were published until November 2026,
# where the package, or what it is told to open, comes near what they are about.
SAFE = {
    "aiohttp": ("3.13.4", "CVE-2026-34516 and others: memory without bound, headers with control characters"),
    "av": ("17.1", "CVE-2026-40962 and others in FFmpeg before 8.1, which the wheels hold"),
    "filelock": ("3.20.3", "CVE-2025-68146, CVE-2026-22701: a link in place of the lock has its target truncated"),
    "fsspec": ("2026.6", "CVE-2026-104851: code in the documents of reference file systems is run"),
    "onnx": ("1.22", "CVE-2026-34445 to 34447, CVE-2026-27489, CVE-2026-44512: external data of a file, null pointers"),
    "onnxruntime": ("1.28", "reads and writes out of bounds that 1.27 and 1.28 name in their notes"),
    "opencv-python": ("4.12", "CVE-2023-4863 (WebP, 4.8.1.78) and CVE-2025-53644 (JPEG, 4.12)"),
    "pillow": ("13.0", "CVE-2026-112403 (JPEG), CVE-2026-25990, TIFF and OpenJPEG in the notes of 13.0.0"),
    "pyarrow": ("23.0.1", "CVE-2023-47248 (code in Parquet files, 14.0.1) and CVE-2026-25087"),
    "python-multipart": ("0.0.32", "CVE-2026-24486 (0.0.22), CVE-2026-40347, headers without bound"),
    "pyyaml": ("5.4", "CVE-2020-14343"),
    "ray": ("2.56", "CVE-2026-41486 (code in Parquet files, 2.55), CVE-2026-57516, CVE-2025-62593"),
    "setuptools": ("78.1.1", "CVE-2025-47273"),
    "starlette": ("1.3.1", "CVE-2025-62727, CVE-2026-54283"),
    "torch": ("2.11", "CVE-2025-32434 (2.6), CVE-2026-24747 (2.10) and CVE-2026-4538: code in files that are loaded"),
}


def requirements() -> list[Requirement]:
    """Everything that pyproject.toml asks for, but the package itself with its extras."""
    content: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = [*content["build-system"]["requires"], *content["project"]["dependencies"]]
    for extra in content["project"]["optional-dependencies"].values():
        lines += extra
    return [one for line in lines if (one := Requirement(line)).name != "bottomup"]


def floor(requirement: Requirement) -> Version | None:
    """The lowest version that is let in, None if any is."""
    lowest = [Version(one.version) for one in requirement.specifier if one.operator in (">=", "==", "~=")]
    return max(lowest, default=None)


def elsewhere() -> list[Requirement]:
    """What the files beside pyproject.toml ask for: the containers, the constraints, conda's recipe."""
    files = ("docker/install.sh", "constraints.txt", "packaging/conda/recipe.yaml")
    text = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in files)
    return [Requirement(found) for found in re.findall(r"[A-Za-z][\w.-]* ?[>=]=[\d.]+", text)]


ELSEWHERE = {"pytorch": "torch", "py-opencv": "opencv-python", "opencv-python-headless": "opencv-python"}


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_every_dependency_has_a_floor_without_advisories(requirement: Requirement) -> None:
    lowest = floor(requirement)
    assert lowest is not None, f"{requirement} lets in any version"
    safe, advisories = SAFE.get(canonicalize_name(requirement.name), ("0", ""))
    assert lowest >= Version(safe), f"{requirement} lets in versions before {safe}: {advisories}"


@pytest.mark.parametrize("requirement", elsewhere(), ids=str)
def test_other_files_ask_for_no_less(requirement: Requirement) -> None:
    name = ELSEWHERE.get(requirement.name, canonicalize_name(requirement.name))
    lowest = floor(requirement)
    assert lowest is not None
    assert lowest >= Version(SAFE.get(name, ("0", ""))[0])


def test_the_list_names_what_is_used() -> None:
    assert {canonicalize_name(one.name) for one in requirements()} >= set(SAFE)
