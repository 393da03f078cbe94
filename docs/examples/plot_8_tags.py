"""
Tags instead of affinity fields
===============================

Networks such as HigherHRNet give each joint a *tag* (associative embedding) in place of affinity fields: the tags of
one person's joints are alike. ``decode_tags`` groups by them. Here heatmaps and tags of eight people are drawn, with
noise on both, as ``bottomup bench crowd --fields tags`` does.
"""

import matplotlib.pyplot as plt
import numpy as np

from bottomup import Settings, decode_tags
from bottomup.benchmarks.crowds import make_crowd
from bottomup.benchmarks.noise import LEVELS, draw_crowd
from bottomup.benchmarks.tags import draw_tags
from bottomup.skeletons import COCO_17

crowd = make_crowd(8, COCO_17, height=360, width=560, crowd_index=0.6, seed=4)
fields = draw_crowd(crowd, stride=4, noise=LEVELS["mild"], seed=4)
tags = draw_tags(crowd, stride=4, noise=LEVELS["mild"], seed=4)
print("heatmaps", fields.heatmaps.shape, "tags", tags.shape)

# %%
# How near two tags must be is told by the picture. ``assignment="tags"`` is the grouping that the networks were
# published with, to compare.

people = decode_tags(fields.heatmaps, tags, COCO_17, stride=4)
published = decode_tags(fields.heatmaps, tags, COCO_17, stride=4, settings=Settings(assignment="tags"))
print("here", len(people), "people, published", len(published))

# %%

figure, axes = plt.subplots(1, 3, figsize=(13, 3.4))
hip = COCO_17.index("left_hip")
axes[0].imshow(np.where(fields.heatmaps[hip] > 0.1, tags[hip], np.nan), cmap="Spectral")
axes[0].set_title("tags of the left hips")
for axis, found, name in ((axes[1], people, "decode_tags"), (axes[2], published, "as published")):
    axis.imshow(found.draw(np.full((360, 560, 3), 255, np.uint8)))
    axis.set_title(f"{name}: {len(found)} people")
for axis in axes:
    axis.set_axis_off()
figure.tight_layout()
