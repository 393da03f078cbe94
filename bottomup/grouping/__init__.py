"""Grouping: joint candidates and scored pairs in, people out (CrowdPose's person-joint graph, bottom-up)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bottomup.grouping.build import build_graph
    from bottomup.grouping.graph import PersonJointGraph
    from bottomup.grouping.strategies import group

__all__ = ["PersonJointGraph", "build_graph", "group"]

_HOMES = {"PersonJointGraph": "graph", "build_graph": "build", "group": "strategies"}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used, so that `bottomup.grouping.options` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bottomup.grouping' has no attribute {name!r}")
    value = getattr(import_module(f"bottomup.grouping.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
