"""
What an OKS of 0.5, 0.75 or 0.9 looks like
==========================================

COCO scores poses by *object keypoint similarity*,

.. math:: \\mathrm{OKS} = \\frac{1}{K}\\sum_k \\exp\\left(-\\frac{d_k^2}{2\\,s^2\\,\\kappa_k^2}\\right),
          \\qquad \\kappa_k = 2\\sigma_k,

where :math:`d_k` is how far joint :math:`k` is from its label, :math:`s^2` the person's area and :math:`\\sigma_k` how
precisely people label that joint (Lin et al., 2014, and the `evaluation page <https://cocodataset.org/#keypoints-eval>`_
of COCO). AP is the mean of the average precisions at OKS 0.5, 0.55, ... 0.95; AP50 and AP75 are two of these.

The black figure is the label. Each joint of the coloured one lies as far from it as leaves the OKS that is named.
"""

import matplotlib.pyplot as plt
import numpy as np

from bottomup.skeletons import get_skeleton

coco = get_skeleton("coco17")
label = np.array([
    (100, 40), (106, 34), (94, 34), (113, 38), (87, 38), (125, 80), (75, 80), (140, 125), (60, 125),
    (148, 168), (52, 168), (116, 170), (84, 170), (120, 230), (80, 230), (122, 288), (78, 288),
], float)  # fmt: skip
area = 0.53 * np.prod(np.ptp(label, axis=0))  # a person fills about half of the box
kappa = 2 * np.array(coco.sigmas)


def oks(points: np.ndarray) -> float:
    """OKS of K points (K, 2) with the label."""
    distance2 = ((points - label) ** 2).sum(axis=1)
    return float(np.exp(-distance2 / (2 * area * kappa**2)).mean())


def moved(wanted: float, seed: int) -> np.ndarray:
    """The label with each joint moved in some direction by the distance at which its own term is `wanted`."""
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, len(label))
    distance = np.sqrt(-2 * area * np.log(wanted)) * kappa
    return label + distance[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


figure, axes = plt.subplots(1, 3, figsize=(11, 5))
for axis, wanted in zip(axes, (0.5, 0.75, 0.9), strict=True):
    points = moved(wanted, seed=1)
    for pose, style in (
        (label, {"color": "black", "lw": 1.5}),
        (points, {"color": "tab:orange", "lw": 3, "alpha": 0.9}),
    ):
        for a, b in coco.limbs:
            axis.plot(*pose[[a, b]].T, marker="o", ms=3, **style)
    pixels = np.linalg.norm(points - label, axis=1)
    axis.set_title(f"OKS {oks(points):.2f}\nankle {pixels[15]:.0f}, hip {pixels[11]:.0f}, eye {pixels[1]:.0f} px off")
    axis.set(xlim=(20, 180), ylim=(310, 10), aspect="equal")
    axis.set_axis_off()
figure.tight_layout()

# %%
# The person is 254 pixels tall. At OKS 0.5 a hip may be off by the width of a hand and more, the eyes hardly at all; a
# swapped pair of legs, though both lie perfectly on legs, costs four joints of seventeen:

swapped = label.copy()
swapped[[13, 14, 15, 16]] = label[[14, 13, 16, 15]]
print(f"knees and ankles swapped: OKS {oks(swapped):.2f}")
