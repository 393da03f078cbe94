"""
Fields and a skeleton of your own
=================================

``decode_fields`` groups the fields of any network in any skeleton. Here the fields are drawn, so that the right answer
is known: three hands of three points each, two of which overlap.
"""

import matplotlib.pyplot as plt
import numpy as np

from bottomup import Skeleton, decode_fields
from bottomup.fields import draw_fields

hand = Skeleton(
    name="three points",
    joints=("wrist", "thumb", "finger"),
    limbs=((0, 1), (0, 2)),
    sigmas=(0.06, 0.04, 0.04),  # how precisely each joint can be labelled, as in COCO's OKS
)
poses = np.array(
    [
        [(40, 60), (80, 30), (120, 60)],
        [(60, 150), (100, 120), (140, 150)],
        [(150, 170), (110, 140), (90, 185)],
    ]
)
fields = draw_fields(poses, np.full((3, 3), True), hand, height=220, width=200, stride=8)
print(fields)

# %%
# ``stride`` says how many pixels a cell of the fields is wide; the people come back in those pixels.

people = decode_fields(fields.heatmaps, fields.pafs, hand, stride=8)
print(people)

nearest = [np.abs(people.keypoints - pose).max(axis=(1, 2)).min() for pose in poses]
print("farthest joint of each hand from where it was drawn, pixels:", np.round(nearest, 2))

# %%

figure, axes = plt.subplots(1, 2, figsize=(9, 4.8))
axes[0].imshow(fields.heatmaps.max(axis=0), extent=(-0.5, 199.5, 223.5, -0.5))
axes[0].set_title("all heatmaps")
axes[1].imshow(people.draw(np.full((224, 200, 3), 255, np.uint8)))
axes[1].set_title("decoded")
for axis in axes:
    axis.set_axis_off()
figure.tight_layout()

# %%
# Empty fields give no people, and no number of them is built in.

print(decode_fields(np.zeros_like(fields.heatmaps), np.zeros_like(fields.pafs), hand, stride=8))
