"""What a whole pose tells of its joints: where they rather are, and where those are that nothing shows.

The joints of a network err each by itself. How people stand and sit leaves little room for some of those errors, and
tells of joints behind a table where they must be, so a small network that has seen many poses, and no picture, mends
them: a denoising autoencoder of poses (Vincent et al., ICML 2008). Other networks err alike: one denoiser serves all
that find the same joints. The pose prior of the grouping, which tells how likely joints are one person's, is another
model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from bottomup._files import replacing
from bottomup.networks.info import DENOISER
from bottomup.people import People
from bottomup.skeleton import Skeleton
from bottomup.weights import find_pose_denoiser

FORMAT = "bottomup-pose-denoiser-1"
NONE = "none"
"""The name of no denoiser."""
FEWEST_JOINTS = 3
"""People with fewer joints stay as they are: they have no pose yet."""
_MEND = 0.6  # how far a joint goes to where the pose wants it
_LEAST_CHANCE = 0.05  # joints that are there less likely are not guessed
_ABSENT_WEIGHT = 0.05  # a joint with a score of 0 would count so much for the centre of its person
_MOST_WIDTH = 4096  # of a layer; what is beyond was not trained

Floats = npt.NDArray[np.float32]
Layer = tuple[Floats, Floats]


class PoseDenoiser:
    """A network from poses to poses.

    Parameters
    ----------
    skeleton:
        The K joints.
    layers:
        Weights (outputs, inputs) and biases (outputs,) of each layer, float32, with max(x, 0) between them. In go
        `pose_inputs`, out come K moves (x, y) in units of the pose's spread, then of K joints the logits of the
        chance that they are there, in the picture and close to the place.
    path:
        The file that it was read from.

    Raises ValueError if the layers do not fit each other or the joints.
    """

    def __init__(self, skeleton: Skeleton, layers: Sequence[Layer], path: Path = Path()) -> None:
        width = 4 * skeleton.num_joints
        for number, (weight, bias) in enumerate(layers):
            if weight.ndim != 2 or weight.shape[1] != width or bias.shape != weight.shape[:1]:
                raise ValueError(
                    f"layer {number} must have weights (outputs, {width}) and a bias for each output but has "
                    f"{weight.shape} and {bias.shape}"
                )
            width = len(weight)
            if not 0 < width <= _MOST_WIDTH:
                raise ValueError(f"layer {number} must have 1 to {_MOST_WIDTH} outputs but has {width}")
        if not layers or width != 3 * skeleton.num_joints:
            raise ValueError(
                f"layers must end with 3 outputs for each of {skeleton.num_joints} joints but end with {width}"
            )
        self.skeleton, self.path = skeleton, path
        self._layers = [(weight.astype(np.float32), bias.astype(np.float32)) for weight, bias in layers]

    def __call__(self, people: People, size: tuple[int, int], *, least: float = 0.0) -> People:
        """The same people with mended joints, and guesses of missing ones, marked as `traced`.

        A joint that was found moves a part of the way to where the whole pose wants it and keeps its score. The score
        of a guess is the chance that it is right. Nothing is guessed beyond the picture.

        people: of this denoiser's joints, in the pixels of a picture.
        size: height and width of the picture.
        least: the lowest score of a guess.

        Raises ValueError if the people have other joints.
        """
        if people.skeleton.joints != self.skeleton.joints:
            raise ValueError(f"people must have the joints of {self.skeleton.name} but are {people.skeleton.name}")
        found = people.keypoint_scores > 0
        whole = found.sum(axis=1) >= FEWEST_JOINTS
        if not whole.any():
            return people
        poses, centres, spreads = normalise(people.keypoints[whole], people.keypoint_scores[whole])
        moves, chances = self._infer(pose_inputs(poses, people.keypoint_scores[whole]))
        there = found[whole]
        places = (poses + np.where(there[..., None], _MEND, 1) * moves) * spreads[:, None, None] + centres[:, None]
        furthest = np.array([size[1] - 1, size[0] - 1], np.float32)
        inside = ((places >= 0) & (places <= furthest)).all(axis=2)
        guessed = ~there & inside & (chances >= max(_LEAST_CHANCE, least))
        keypoints, scores = people.keypoints.copy(), people.keypoint_scores.copy()
        traced = people.traced.copy()
        known = (there | guessed)[..., None]
        keypoints[whole] = np.where(known, np.clip(places, 0, furthest), np.nan)
        scores[whole] = np.where(there, scores[whole], np.where(guessed, chances, 0))
        traced[whole] |= guessed
        return People(people.skeleton, keypoints, scores, people.scores, people.ids, traced)

    def _infer(self, inputs: Floats) -> tuple[Floats, Floats]:
        """(N, K, 2) moves and (N, K) chances."""
        values = inputs
        for number, (weight, bias) in enumerate(self._layers):
            values = (np.maximum(values, 0) if number else values) @ weight.T + bias
        joints = self.skeleton.num_joints
        moves = values[:, : 2 * joints].reshape(-1, joints, 2)
        return moves, (1 / (1 + np.exp(-np.clip(values[:, 2 * joints :], -30, 30)))).astype(np.float32)


def normalise(keypoints: Floats, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Poses (N, K, 2) around 0 with a mean square of 1, missing joints at 0; their centres (N, 2) and spreads (N,) in
    pixels. Joints count by their scores."""
    found = scores > 0
    weights = np.where(found, scores + _ABSENT_WEIGHT, 0)[..., None]
    places = np.where(found[..., None], keypoints, 0)
    total = np.maximum(weights.sum(axis=1), 1e-6)
    centres = (places * weights).sum(axis=1) / total
    squares = ((places - centres[:, None]) ** 2 * weights).sum(axis=(1, 2)) / total[:, 0]
    spreads = np.sqrt(squares) + 1e-3
    poses = np.where(found[..., None], (places - centres[:, None]) / spreads[:, None, None], 0)
    return poses.astype(np.float32), centres.astype(np.float32), spreads.astype(np.float32)


def pose_inputs(poses: Floats, scores: Floats) -> Floats:
    """(N, 4 K) what the network sees: x and y of all joints in turn, their scores, and which are there."""
    flat = poses.reshape(len(poses), -1)
    return np.concatenate([flat, scores, scores > 0], axis=1).astype(np.float32)


def save_pose_denoiser(
    path: str | Path, skeleton: Skeleton, layers: Sequence[Layer], metadata: dict[str, str] | None = None
) -> None:
    """Write a denoiser as float16 safetensors, its joints and `metadata` in the header."""
    named = {f"layers.{n}.{kind}": x for n, pair in enumerate(layers) for kind, x in zip(_KINDS, pair, strict=True)}
    header = dict(metadata or {}) | {"format": FORMAT, "skeleton": json.dumps(skeleton.to_dict())}
    with replacing(Path(path)) as unfinished:
        save_file({name: np.ascontiguousarray(x, np.float16) for name, x in named.items()}, str(unfinished), header)


def load_pose_denoiser(name: str | None, skeleton: Skeleton) -> PoseDenoiser | None:
    """The package's denoiser (`default`) or one that `bottomup train` wrote, for people of a skeleton; None for `none`
    and where nothing is named.

    Raises FileNotFoundError if there is no such file, ValueError if it is damaged, of another kind or of other joints.
    """
    if name in (None, NONE):
        return None
    path = find_pose_denoiser() if name == DENOISER else Path(name or "")
    if not path.is_file():
        raise FileNotFoundError(f'pose_denoiser must be "{DENOISER}", "{NONE}" or a file but there is no {path}')
    try:
        with safe_open(str(path), "np") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise ValueError(f"pose_denoiser must hold {FORMAT} but {path} holds {header.get('format')!r}")
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        joints = Skeleton.from_dict(json.loads(header.get("skeleton", "{}")))
        count = len(tensors) // 2
        layers = [(tensors[f"layers.{n}.weight"], tensors[f"layers.{n}.bias"]) for n in range(count)]
        if not all(np.isfinite(values).all() for values in tensors.values()):
            raise ValueError("it has NaN or infinite weights")
        denoiser = PoseDenoiser(joints, layers, path)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"pose_denoiser must be a pose denoiser but {path} is not: {error}") from error
    if joints.joints != skeleton.joints:
        raise ValueError(f"pose_denoiser must have the joints of {skeleton.name} but {path} has those of {joints.name}")
    return denoiser


_KINDS = ("weight", "bias")
