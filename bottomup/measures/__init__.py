"""What people want to know of poses: angles, lengths, speeds, repetitions, jumps, steps."""

from bottomup.measures.angles import angle_names, joint_angles, segment_angles
from bottomup.measures.bodies import body_heights, lengths_in_heights
from bottomup.measures.movements import cadence, count_repetitions, jump_height
from bottomup.measures.series import JointSeries, collect_series, velocities

__all__ = [
    "JointSeries",
    "angle_names",
    "body_heights",
    "cadence",
    "collect_series",
    "count_repetitions",
    "joint_angles",
    "jump_height",
    "lengths_in_heights",
    "segment_angles",
    "velocities",
]
