"""
What the network sees
=====================

A network gives *fields*: a heatmap for each joint, and for each limb a part affinity field, a vector that points along
the limb wherever the limb is. All people come out of these; the network says nothing about who is who.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import color, data

from bottomup import Detector
from bottomup.drawing import draw_heatmaps, draw_pafs

image = color.gray2rgb(data.camera())
detector = Detector()
fields = detector.fields(image)
print(fields)

# %%
# Peaks of the heatmaps become joint candidates. The colours of the affinity fields are directions, as in the wheel.

figure, axes = plt.subplots(1, 3, figsize=(12, 4.2))
drawings = {
    "joint heatmaps": draw_heatmaps(image, fields),
    "part affinity fields": draw_pafs(image, fields),
    "people": detector(image).draw(image),
}
for axis, (title, drawing) in zip(axes, drawings.items(), strict=True):
    axis.imshow(drawing[:, :, ::-1])
    axis.set_title(title)
    axis.set_axis_off()
figure.tight_layout()

# %%
# One limb by itself, the clearest, and the joint at its end. ``pafs`` holds x and y of limb ``l`` in the channels
# ``2 l`` and ``2 l + 1``; the arrows lead from the limb's first joint to its second.

strength = np.hypot(fields.pafs[0::2], fields.pafs[1::2])
limb = int(strength.sum(axis=(1, 2)).argmax())
start, end = fields.skeleton.limbs[limb]

figure, axes = plt.subplots(1, 2, figsize=(9, 4.6))
axes[0].imshow(fields.heatmaps[end])
axes[0].set_title(f"heatmap of {fields.skeleton.joints[end]}")
axes[1].imshow(strength[limb])
rows, columns = np.nonzero(strength[limb] > 0.15)
x, y = fields.pafs[2 * limb : 2 * limb + 2, rows, columns]
axes[1].quiver(columns, rows, x, y, angles="xy", scale=25, color="white", width=0.005)
axes[1].set_title(f"field of {fields.skeleton.joints[start]} to {fields.skeleton.joints[end]}")
for axis in axes:
    axis.set_axis_off()
figure.tight_layout()
