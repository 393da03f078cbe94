"""Fragments of one person: people who share no joint type and whom limbs join become one."""

from __future__ import annotations

from bottomup.grouping.graph import PersonJointGraph


def merge_fragments(graph: PersonJointGraph) -> bool:
    """Merge pairs of people, the greatest gain of F first, while F grows. Returns whether anything changed."""
    changed = False
    while True:
        first, second = graph.mergers()
        if not len(first):
            return changed
        graph.absorb(first, second)
        graph.compact()
        graph.measure()
        changed = True


def attach_orphans(graph: PersonJointGraph) -> bool:
    """Give small fragments that no limb reaches to the body they fit best. Returns whether anything changed.

    A merger saves the cost of one person and costs as much times the square of the stretch: the distance between
    the two fragments' joints relative to what the host's body allows, where that is tightest. So it pays if no joint
    is farther away than it can be.
    """
    changed = False
    while True:
        fragment, host = graph.hosts()
        if not len(fragment):
            return changed
        graph.absorb(host, fragment)
        changed = True
