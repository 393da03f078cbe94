"""
Following people through a video
================================

``track_video`` reads a video and gives each frame with its people, who keep their ``ids``. What gives the ids is a
``Tracker``, which works on the people of any detector; here they are decoded from the fields of a crowd that walks
about, so that it is known who is who.
"""

import matplotlib.pyplot as plt
import numpy as np

from bottomup import Settings, Tracker, decode_fields
from bottomup.benchmarks.moving_crowds import moving_crowd
from bottomup.benchmarks.noise import draw_crowd, get_level
from bottomup.skeletons import get_skeleton

STRIDE = 8
skeleton = get_skeleton("openpose18")
settings = Settings(min_joints=4, person_threshold=0.2)
tracker = Tracker()
ways: dict[int, list[tuple[float, float]]] = {}  # of each id, where the neck was in each frame
for number, moment in enumerate(moving_crowd(8, skeleton, height=480, width=720, frames=50, seed=3)):
    fields = draw_crowd(moment.crowd, stride=STRIDE, noise=get_level("mild"), seed=number)
    found = decode_fields(fields.heatmaps, fields.pafs, skeleton, stride=STRIDE, settings=settings)
    people = tracker.update(found, moment.time)
    for person in people:
        x, y, score = person["neck"]
        if score > 0:
            ways.setdefault(person.id, []).append((x, y))
print(people)
print(f"{len(ways)} ids for {len(moment.crowd)} people in the last frame")

# %%
# The last frame, and the way that each person came.

figure, axes = plt.subplots(figsize=(9, 6.2))
axes.imshow(people.draw(np.full((480, 720, 3), 245, np.uint8)))
for way in ways.values():
    axes.plot(*np.array(way).T, lw=1.5, color="gray")
axes.set_axis_off()
figure.tight_layout()

# %%
# With a video it is one loop; the pictures also help to follow people, by optical flow and colours:
#
# .. code-block:: python
#
#     for frame, people in bottomup.track_video("street.mp4"):
#         print(frame.time, people.ids)
