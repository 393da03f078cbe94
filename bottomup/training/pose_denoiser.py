"""Training a pose denoiser: from people as a network finds them to those that are labelled, without any picture."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from bottomup.datasets import PhotoLabels
from bottomup.detector import Detector
from bottomup.evaluation import evaluate_results
from bottomup.people import People
from bottomup.pose_denoiser import FEWEST_JOINTS, NONE, Layer, normalise, pose_inputs, save_pose_denoiser
from bottomup.settings import Settings
from bottomup.skeleton import Skeleton
from bottomup.training.config import TrainConfig
from bottomup.training.devices import one_thread
from bottomup.training.examples import read_source
from bottomup.training.report import Say
from bottomup.training.threshold import joint_similarity
from bottomup.training.validation import held_out_truth

_LOWEST = 0.05  # people with a lower score are not learnt from
_MATCHED = 0.3  # OKS with a labelled person, above which a found one is taken for that person
_RIGHT = 0.5  # similarity of a joint that counts as right
_HIDDEN = 256  # units of each of the two hidden layers
_DROPOUT = 0.1  # of those
# What is done to the found joints, so that the network does not learn them by heart.
_LOST = 0.15  # share of the joints that are taken away
_WAIST_DOWN = 0.1  # share of the people whose lower half is taken away
_NOISE = 0.33  # most that joints are moved, in the unit of the OKS's distances
_CHANCES = 0.3  # weight of the loss of the chances

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Pairs:
    """People as they were found and as they are labelled.

    keypoints: (N, K, 2) float32 pixels, found; NaN where missing.
    scores: (N, K) float32 of the found joints.
    truth: (N, K, 2) float32 pixels, NaN where it is not labelled.
    sizes: (N,) float32, root of the area that each person covers.
    """

    keypoints: Floats
    scores: Floats
    truth: Floats
    sizes: Floats

    def mirrored(self, skeleton: Skeleton) -> Pairs:
        """The same, seen in a mirror."""
        swap = skeleton.flip_permutation
        turned = np.array([-1, 1], np.float32)
        return Pairs(self.keypoints[:, swap] * turned, self.scores[:, swap], self.truth[:, swap] * turned, self.sizes)

    @staticmethod
    def join(parts: Sequence[Pairs]) -> Pairs:
        """All of them."""
        names = ("keypoints", "scores", "truth", "sizes")
        return Pairs(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


class _Network(nn.Module):
    def __init__(self, joints: int) -> None:
        super().__init__()
        widths = (4 * joints, _HIDDEN, _HIDDEN, 3 * joints)
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(widths))
        # It begins as a denoiser that changes nothing.
        nn.init.zeros_(self.layers[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.layers[-1].bias)  # type: ignore[arg-type]

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        *hidden, last = self.layers
        for layer in hidden:
            inputs = functional.dropout(functional.relu(layer(inputs)), _DROPOUT, self.training)
        outputs: torch.Tensor = last(inputs)
        joints = outputs.shape[1] // 3
        return outputs[:, : 2 * joints].reshape(-1, joints, 2), outputs[:, 2 * joints :]


def train_pose_denoiser(config: TrainConfig, say: Say = print) -> Path:
    """Train a pose denoiser as a recipe of the mode `poses` says: on the people whom the network in `initial_weights`
    (as `Detector` takes it) finds in the photos, against the labels.

    Writes to `config.out`: `config.toml`, `weights.safetensors`, and `validation.csv` with the average precision on the
    photos held out, without the denoiser and with it.

    Returns the path of the weights. Raises ValueError if the photos hold no labelled people that the network finds.
    """
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.toml").write_text(config.to_toml(), encoding="utf-8")
    model = config.initial_weights
    settings = Settings(person_threshold=_LOWEST, pose_denoiser=NONE)
    detector = Detector(model, device=config.device or None, settings=settings)
    parts: list[Pairs] = []
    for source in config.sources:
        photos, held = read_source(source, Path(config.data), detector.skeleton)
        say(f"{source.folder}: {len(photos)} photos, {len(held)} held out")
        for number, photo in enumerate(photos, start=1):
            parts.append(match(detector(photo.path), photo))
            if number % 500 == 0:
                say(f"{source.folder}: people of {number} photos")
    if not sum(len(part.sizes) for part in parts):
        raise ValueError("sources must hold labelled people whom the network of initial_weights finds but have none")
    layers = fit(Pairs.join(parts), detector.skeleton, config, say)
    weights = out / "weights.safetensors"
    recipe = {"recipe": config.to_toml(data=".", out="."), "people": str(sum(len(part.sizes) for part in parts))}
    save_pose_denoiser(weights, detector.skeleton, layers, recipe)
    _measure(weights, config, say)
    return weights


def match(people: People, photo: PhotoLabels) -> Pairs:
    """Each labelled person with the found one that is most like them, if one is and has joints enough."""
    similarity = joint_similarity(people.keypoints, photo, np.array(people.skeleton.sigmas))
    oks = similarity.sum(axis=2) / np.maximum(photo.visible.sum(axis=1), 1)
    oks[(people.keypoint_scores > 0).sum(axis=1) < FEWEST_JOINTS] = 0
    found = oks.argmax(axis=0) if len(people) else np.zeros(len(photo.keypoints), int)
    (labelled,) = np.nonzero(oks.max(axis=0, initial=0) > _MATCHED)
    found = found[labelled]
    areas = photo.areas[labelled].astype(np.float32)
    truth = np.where(photo.visible[labelled][..., None], photo.keypoints[labelled], np.nan).astype(np.float32)
    return Pairs(people.keypoints[found], people.keypoint_scores[found], truth, np.sqrt(np.maximum(areas, 1)))


def fit(pairs: Pairs, skeleton: Skeleton, config: TrainConfig, say: Say = print) -> list[Layer]:
    """The layers of a denoiser that mends people as they were found; see `PoseDenoiser`.

    Of `config` its `steps`, `batch`, `learning_rate`, `weight_decay` and `seed`. The same input gives the same layers.
    """
    pairs = Pairs.join([pairs, pairs.mirrored(skeleton)])
    poses, centres, spreads = normalise(pairs.keypoints, pairs.scores)
    wanted = (pairs.truth - centres[:, None]) / spreads[:, None, None]
    labelled = torch.from_numpy(np.isfinite(pairs.truth[..., 0]))
    # What a distance of 1 means to the OKS, of each joint, in the unit of the poses.
    units = torch.from_numpy((pairs.sizes / spreads)[:, None] * (2 * np.array(skeleton.sigmas, np.float32)))
    inputs = torch.from_numpy(pose_inputs(poses, pairs.scores))
    truth = torch.from_numpy(np.nan_to_num(wanted).astype(np.float32))
    draw = torch.Generator().manual_seed(config.seed)
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(config.seed)
        network = _Network(skeleton.num_joints)
        optimiser = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, total_steps=config.steps)
        for step in range(1, config.steps + 1):
            some = torch.randint(len(inputs), (config.batch,), generator=draw)
            seen = _disturbed(inputs[some], units[some], skeleton, draw)
            loss = _loss(network, seen, truth[some], labelled[some], units[some])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            if step % 1000 == 0 or step == config.steps:
                say(f"step {step}  loss {loss.item():.3f}")
    return [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in network.layers]  # type: ignore


def _disturbed(inputs: torch.Tensor, units: torch.Tensor, skeleton: Skeleton, draw: torch.Generator) -> torch.Tensor:
    """What the network sees of people some of whose joints are lost and others moved."""
    people, joints = units.shape
    places, scores, there = torch.split(inputs, [2 * joints, joints, joints], dim=1)
    lost = torch.rand(people, joints, generator=draw) < _LOST
    below = torch.tensor([joint.endswith(("knee", "ankle")) for joint in skeleton.joints])
    lost |= (torch.rand(people, 1, generator=draw) < _WAIST_DOWN) & below
    stays = there * ~lost
    stays = torch.where(stays.sum(dim=1, keepdim=True) < FEWEST_JOINTS, there, stays)
    strength = _NOISE * torch.rand(people, 1, 1, generator=draw) * units[..., None]
    moved = places.reshape(-1, joints, 2) + strength * torch.randn(people, joints, 2, generator=draw)
    return torch.cat([(moved * stays[..., None]).flatten(1), scores * stays, stays], dim=1)


def _loss(
    network: _Network, seen: torch.Tensor, truth: torch.Tensor, labelled: torch.Tensor, units: torch.Tensor
) -> torch.Tensor:
    """Errors as the OKS sees them, those far off with less weight, and whether the chances are right.

    A joint that is not labelled is taken for one that is not there: most are beyond the picture.
    """
    moves, chances = network(seen)
    places = seen[:, : 2 * units.shape[1]].reshape(moves.shape) + moves
    errors = ((places - truth) ** 2).sum(dim=2) / (2 * units**2)
    right = (torch.exp(-errors.detach()) >= _RIGHT) & labelled
    of_chances = functional.binary_cross_entropy_with_logits(chances, right.float())
    return (torch.log1p(errors) * labelled).sum() / labelled.sum().clamp(min=1) + _CHANCES * of_chances


def _measure(weights: Path, config: TrainConfig, say: Say) -> None:
    """Write the average precision on the photos held out without the denoiser and with it."""
    rows: list[tuple[str, str, float]] = []
    for name, denoiser in (("without", NONE), ("with", str(weights))):
        detector = Detector(config.initial_weights, settings=Settings(pose_denoiser=denoiser))
        for source in config.sources:
            _, held = read_source(source, Path(config.data), detector.skeleton)
            if not any(len(photo.keypoints) for photo in held):
                continue
            results = [entry for photo in held for entry in detector(photo.path).to_coco(photo.id)]
            truth = held_out_truth(source, Path(config.data), held, detector.skeleton)
            ids = [photo.id for photo in held]
            found = evaluate_results(results, truth, ids=ids, skeleton=detector.skeleton)
            rows.append((source.folder, name, found["AP"]))
            say(f"{source.folder}: AP {found['AP']:.4f} {name} the denoiser")
    with (weights.parent / "validation.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("folder", "denoiser", "AP"), *rows])
