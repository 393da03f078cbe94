"""
Squats, jumps and steps
=======================

Angles at joints over time, repetitions, the height of a jump and the cadence of a walk, from a video. The video is made
here: a body of known joint angles squats, jumps and walks off. Its fields are drawn with noise, as a network would see
it, and decoded, so that what is measured can be compared with what was done.
"""

import matplotlib.pyplot as plt
import numpy as np

from bottomup import decode_fields, track_video
from bottomup.benchmarks.crowds import Crowd
from bottomup.benchmarks.figures import draw_lengths, place_joints, project, stack_joints
from bottomup.benchmarks.noise import draw_crowd, get_level
from bottomup.measures import JointSeries, cadence, collect_series, count_repetitions, jump_height
from bottomup.skeletons import COCO_17

RATE, TALL, SIZE = 25, 220, (320, 480)  # frames a second, pixels, pixels
LENGTHS = draw_lengths(1, np.random.default_rng(3))


def pose(bend: float, stride: float, x: float, lift: float) -> np.ndarray:
    """(1, 17, 2) pixels of a body seen from the side; angles in radians, ``lift`` in body heights."""
    angles = {name: np.zeros(1) for name in ("tilt", "nod")} | {"lean": np.array([0.6 * bend])}
    for side, sign in (("left", 1), ("right", -1)):
        swing = sign * np.sin(stride)
        angles[f"{side} arm"], angles[f"{side} elbow"] = np.array([bend - 0.5 * swing]), np.array([0.2])
        angles[f"{side} leg"] = np.array([bend + 0.45 * swing])
        angles[f"{side} knee"] = np.array([2 * bend + 0.1])
        angles[f"{side} spread"], angles[f"{side} stance"] = np.array([0.1]), np.array([0.05])
    body = stack_joints(place_joints(angles, LENGTHS), COCO_17)
    points = project(body, np.array([1.2]), np.array([[6.0]]))
    points[..., 1] -= points[..., 1].max()
    return points * TALL + [x, 300 - lift * TALL]


squats = [pose(0.45 * (1 - np.cos(2 * np.pi * n / 30)), 0, 120, 0) for n in range(120)]
jump = [pose(0.1, 0, 120, 0.15 * np.sin(np.pi * max(n - 20, 0) / 14) * (20 <= n < 34)) for n in range(50)]
walk = [pose(0.0, 2 * np.pi * 0.9 * n / RATE, 120 + 2.2 * n, 0) for n in range(100)]
poses = squats + jump + walk

# %%
# The detector is any function from a picture to people. This one draws the fields of the next pose and decodes them.

coming = iter(enumerate(poses))


def detector(picture: np.ndarray):
    """The people of the next frame."""
    number, points = next(coming)
    crowd = Crowd(COCO_17, *SIZE, points, np.ones((1, 17), bool), np.zeros((1, 4)))
    fields = draw_crowd(crowd, stride=4, noise=get_level("mild"), seed=number)
    return decode_fields(fields.heatmaps, fields.pafs, COCO_17, stride=4)


pictures = ((n / RATE, np.full((*SIZE, 3), 245, np.uint8)) for n in range(len(poses)))
frames = list(track_video(pictures, detector=detector, smooth=True))
person = collect_series(frames)[0]
print(f"id {person.id}, {len(person.times)} frames, {person.height():.0f} pixels tall (made {TALL})")

# %%
# Standing, squatting, jumping and walking, as tracked.

figure, axes = plt.subplots(1, 4, figsize=(9, 2))
for axis, number in zip(axes, (0, 15, 147, 220), strict=True):
    frame, people = frames[number]
    axis.imshow(people.draw(frame.image)[..., ::-1])
    axis.set_title(f"{frame.time:.2f} s", fontsize=9)
    axis.set_axis_off()
figure.tight_layout()

# %%
# The knee and the hip over time: four squats, a jump, steps. ``person.plot(["left_knee", "left_hip"], "angles.png")``
# draws the same into a file, and ``person.to_csv("angles.csv")`` writes the table.

figure, axis = plt.subplots(figsize=(9, 3))
for name in ("left_knee", "left_hip"):
    axis.plot(person.times, person.angle(name), label=name.replace("_", " "))
axis.set(xlabel="seconds", ylabel="degrees")
axis.legend()
figure.tight_layout()

# %%
# Each part by itself.


def between(start: float, end: float) -> JointSeries:
    """The person's series between two times."""
    part = (person.times >= start) & (person.times < end)
    return JointSeries(person.id, person.skeleton, person.times[part], person.keypoints[part])


squatting, jumping, walking = between(0, 4.8), between(4.8, 6.8), between(6.8, 11)
repetitions = count_repetitions(squatting.angle("left_knee"), low=110, high=150)
print(f"squats: {repetitions} (made 4)")
print(f"jump: {jump_height(jumping):.2f} body heights (made 0.15)")
print(f"cadence: {cadence(walking):.0f} steps a minute (made {60 * 2 * 0.9:.0f})")
assert repetitions == 4
assert abs(jump_height(jumping) - 0.15) < 0.02
assert abs(cadence(walking) - 108) < 8
