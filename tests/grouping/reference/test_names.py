"""The three folders of the grouping have files of the same names: what runs, its specification, what users call."""

from __future__ import annotations

from pathlib import Path

import pytest

import bottomup

ROOT = Path(bottomup.__file__).parent
COMPILED = ROOT.parent / "csrc" / "grouping"
# Machinery of the compiled side: options are one file in each language, the rest has no step of its own.
MACHINERY = {"bitset", "interrupt", "model", "options", "fragment_set", "fragment_groups", "fragment_swaps"}
# What only Python does.
OWN = {"graph", "strategies", "proposals", "anthropometry", "skeleton_tree", "joint_nodes", "fit_pose_prior"}
OWN |= {"match_by_tag", "tag_links", "tag_fragments", "paths"}


def names(folder: Path, *endings: str) -> set[str]:
    return {file.stem for ending in endings for file in folder.glob(f"*{ending}") if file.stem != "__init__"}


@pytest.mark.skipif(not COMPILED.is_dir(), reason="the sources of the extension are not here")
def test_every_compiled_step_has_a_reference_of_its_name() -> None:
    compiled, reference = names(COMPILED, ".h", ".cpp"), names(ROOT / "grouping" / "reference", ".py")
    assert reference == compiled - MACHINERY
    assert compiled >= MACHINERY
    assert names(ROOT / "grouping", ".py") - OWN <= compiled
