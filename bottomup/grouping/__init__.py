"""Grouping: joint candidates and scored pairs in, people out (CrowdPose's person-joint graph, bottom-up)."""

from bottomup.grouping.build import build_graph
from bottomup.grouping.graph import PersonJointGraph
from bottomup.grouping.ways import group

__all__ = ["PersonJointGraph", "build_graph", "group"]
