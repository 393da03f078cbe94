"""
A crowd, and who each joint belongs to
======================================

The hard part of a crowd is not to find joints but to tell whose they are. ``make_crowd`` draws people who overlap as
much as one asks for (CrowdPose's crowd index), ``draw_crowd`` their fields with noise as a network has it, and
``Settings(assignment=...)`` groups them in different ways.
"""

import matplotlib.pyplot as plt
import numpy as np

from bottomup import People, Settings, decode_fields
from bottomup.benchmarks.crowds import make_crowd
from bottomup.benchmarks.noise import draw_crowd, get_level
from bottomup.skeletons import get_skeleton

STRIDE = 8
crowd = make_crowd(16, get_skeleton("openpose18"), height=480, width=720, crowd_index=0.9, seed=4)
fields = draw_crowd(crowd, stride=STRIDE, noise=get_level("mild"))
print(f"{len(crowd)} people, crowd index {crowd.crowd_index:.2f}; {fields}")

# %%
# ``sweep`` is the default: one optimal assignment for each joint type, repeated while the objective grows. ``greedy``
# joins the best pairs of each limb first, as OpenPose does. A joint is misplaced if it lies on the label of another
# person than most joints of the person that it was given to.


def misplaced(people: People) -> int:
    """How many joints of these people lie on the label of somebody else."""
    count = 0
    labels = np.where(crowd.visible[..., None], crowd.keypoints, np.inf)
    for person in people:
        distance = np.linalg.norm(labels - person.keypoints, axis=2)[:, person.keypoint_scores > 0]
        owner = np.where(distance.min(axis=0) < STRIDE, distance.argmin(axis=0), -1)
        owner = owner[owner >= 0]
        count += len(owner) - np.bincount(owner).max(initial=0)
    return count


figure, axes = plt.subplots(2, 1, figsize=(9, 12.5))
for axis, assignment in zip(axes, ("greedy", "sweep"), strict=True):
    settings = Settings(assignment=assignment, min_joints=3)
    people = decode_fields(fields.heatmaps, fields.pafs, fields.skeleton, stride=STRIDE, settings=settings)
    axis.imshow(people.draw(np.full((crowd.height, crowd.width, 3), 245, np.uint8)))
    axis.set_title(f"{assignment}: {len(people)} people, {misplaced(people)} joints misplaced")
    axis.set_axis_off()
figure.tight_layout()

# %%
# The benchmark does this at large: ``bottomup bench crowd`` draws hundreds of such crowds, or takes the labels of real
# ones, and tells AP and misplaced joints for each way of grouping; see :doc:`/benchmarks`.
