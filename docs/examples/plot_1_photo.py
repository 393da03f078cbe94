"""
People in a photo
=================

The built-in network on the photo that ``bottomup detect --sample`` uses.
"""

import matplotlib.pyplot as plt
from skimage import color, data

import bottomup

image = color.gray2rgb(data.camera())  # a photographer at his tripod (Lav Varshney, CC0)
people = bottomup.detect_people(image, rgb=True)
print(people)

# %%
# A ``People`` holds all people of one picture: ``keypoints`` (people, joints, 2) in the picture's pixels,
# ``keypoint_scores``, ``scores`` and ``boxes``. One person answers to the names of the joints.

for person in people:
    x, y, score = person["left_shoulder"]
    print(f"person of score {person.score:.2f} in the box {person.box.round().tolist()}")
    print(f"left shoulder at {x:.0f}, {y:.0f}, score {score:.2f}")

# %%
# ``draw`` gives the picture with skeletons on it.

figure, axes = plt.subplots(figsize=(6, 6))
axes.imshow(people.draw(image))
axes.set_axis_off()
figure.tight_layout()
