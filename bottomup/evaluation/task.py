"""A whole evaluation: choose the labels, collect results, score them, write what there is to keep."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from bottomup._files import write_atomically
from bottomup._version import __version__
from bottomup.datasets import Labels, read_labels
from bottomup.datasets.categories import Sigmas
from bottomup.datasets.sizes import photo_problem
from bottomup.evaluation.gallery import write_page
from bottomup.evaluation.metrics import CROWD_BOUNDS, METRICS, Evaluation, evaluate_metric
from bottomup.evaluation.results import Entry, match_photos, read_results
from bottomup.evaluation.runs import Run, digest, file_digests, helpers_record
from bottomup.people import People
from bottomup.settings import Settings
from bottomup.skeleton import Skeleton
from bottomup.skeletons import get_skeleton

Progress = Callable[[int], AbstractContextManager[Callable[[], None]]]
"""Told how many photos there are, gives what to call after each."""


@contextmanager
def _silent(total: int) -> Iterator[Callable[[], None]]:
    yield lambda: None


class Interrupted(Exception):
    """Ctrl-C; the message says how far it went."""


class NotKept(Exception):
    """Results cannot be written, as on a full disk; the message says what is kept."""


@dataclass
class Task:
    """One evaluation, as `bottomup eval` asks for.

    labels: of the photos that were chosen.
    photos: the folder that the photos' file names start from.
    entries, skeleton: the results, and their joints.
    source: what they come from, for the report.
    failed: why photos could not be looked at, by their ids.
    uncalibrated: whether they come from a network of which it is not known what its scores mean.
    note: receives a sentence of advice now and then. progress: see `Progress`.
    """

    metric: str
    labels: Labels
    photos: Path
    out: Path | None
    worst: int
    options: dict[str, Any]
    skeleton: Skeleton
    entries: list[Entry] = field(default_factory=list)
    source: dict[str, Any] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    uncalibrated: bool = False
    note: Callable[[str], None] = print
    progress: Progress = _silent

    @classmethod
    def prepare(
        cls,
        *,
        metric: str,
        data: Path,
        images: Path | None,
        out: Path | None,
        split: str | None,
        limit: int | None,
        worst: int,
        thresholds: tuple[float, ...] | None,
        reference: str | None,
        crowd_bounds: tuple[float, ...] | None,
        sigmas: Sigmas | None = None,
        note: Callable[[str], None] = print,
        progress: Progress = _silent,
    ) -> Self:
        """Read the labels and see that the options fit, before a network spends hours on photos."""
        way = METRICS[metric]
        if crowd_bounds is not None and (metric != "crowdpose" or len(crowd_bounds) != 2):
            raise ValueError(f"--crowd-bounds must be two numbers, for crowdpose, but is {crowd_bounds} for {metric}")
        low, high = crowd_bounds or CROWD_BOUNDS
        options: dict[str, Any] = {"thresholds": thresholds, "reference": reference, "crowd_bounds": (low, high)}
        everything = read_labels(
            data, joints=way.joints, sigmas=sigmas, area_from_box=way.area_from_box, images=images, split=split
        )
        splits = {key: photo.split for key, photo in everything.photos.items()}
        if not any(splits.values()) and everything.source.stem.endswith(split or ""):
            splits = dict.fromkeys(splits, split or "")  # the split is the file's, as in COCO's own layout
        chosen = [key for key in splits if split is None or splits[key] == split][:limit]
        if not chosen:
            raise ValueError(f"labels must have photos of split {split!r} but {everything.source} has none")
        labels = everything.select(chosen)
        evaluate_metric(metric, labels, [], labels.skeleton, **options)  # raises what would else come after the run
        photos = everything.folder
        if out is not None and out.resolve() in (everything.source.parent.resolve(), photos.resolve()):
            raise ValueError(f"--out must be another folder than that of the labels or the photos but is {str(out)!r}")
        return cls(metric, labels, photos, out, worst, options, labels.skeleton, note=note, progress=progress)

    def photo_path(self, key: int) -> Path:
        """The file of a photo."""
        return self.labels.photos[key].path

    def read_results(self, path: Path, skeleton: str | None, *, unused: Mapping[str, Any]) -> None:
        """Take the results from a file. `unused` are options of a network, of which none may be given."""
        given = ["--" + name.replace("_", "-") for name, value in unused.items() if value is not None]
        if given:
            raise ValueError(f"{' and '.join(given)} must be left out with --results, since no network is run")
        self.entries = match_photos(read_results(path), self.labels)
        strangers = {entry["image_id"] for entry in self.entries} - set(self.labels.names)
        if strangers:
            raise ValueError(
                f"results must be of labelled photos but {path} has ids like {sorted(strangers)[:5]}, none of "
                "the labels' (`bottomup detect` takes them from file names that are numbers)"
            )
        looked_at = {entry["image_id"] for entry in self.entries} & set(self.labels.photos)
        if 2 * len(looked_at) < len(self.labels.photos):
            self.note(
                f"The results are of {len(looked_at)} of {len(self.labels.photos)} photos; the people in the others "
                "count as missed (--limit and --split choose photos)."
            )
        if skeleton is not None:
            self.skeleton = get_skeleton(skeleton)
        elif self.entries and len(self.entries[0]["keypoints"]) != 3 * self.skeleton.num_joints:
            count = len(self.entries[0]["keypoints"]) // 3
            raise ValueError(
                f"results must have the {self.skeleton.num_joints} joints of the labels but {path} has {count}; "
                "--skeleton NAME says which they are"
            )
        self._note_sizes()
        self.source = {"results": str(path), "skeleton": self.skeleton.name}

    def _note_sizes(self) -> None:
        """Tell if the photos, where they are there, are not those that the labels were made for."""
        problems = [problem for photo in self.labels if (problem := photo_problem(photo)) is not None]
        if problems:
            more = f", and so are {len(problems) - 1} others" if len(problems) > 1 else ""
            self.note(f"Results of these photos cannot fit the labels: {problems[0]}{more}.")

    def run_network(self, network: Mapping[str, str | None], settings: Settings) -> None:
        """Find the people of every photo, but those that an interrupted run has found already.

        Raises Interrupted on Ctrl-C, NotKept if they cannot be written.
        """
        from bottomup.detector import Detector
        from bottomup.networks.backends.base import runtime
        from bottomup.weights import resolve_model

        if not self.photos.is_dir():
            raise ValueError(f"--images must name the folder of the photos but {str(self.photos)!r} is none")
        if not all(self.labels.names[key] for key in self.labels.photos):
            raise ValueError(f"labels must name the file of each photo but {self.labels.source} does not")
        if not any(photo.path.is_file() for photo in self.labels):
            missing = next(iter(self.labels)).path
            raise ValueError(
                f"--images must name the folder of the photos but {str(self.photos)!r} has none of the "
                f"{len(self.labels)}, not {missing.name!r} either"
            )
        model = network["model"] or "default"
        detector = Detector(
            model,
            device=network["device"],
            backend=network["backend"],
            settings=settings,
            refine=network.get("refine"),
        )
        self.skeleton = detector.skeleton
        self.uncalibrated = detector.info.calibration is None and detector.refiner is None
        self.source = {
            "bottomup": __version__,
            "model": model,
            "weights": file_digests(resolve_model(model)),
            "backend": runtime(detector.backend),
            "skeleton": self.skeleton.name,
            "settings": asdict(settings),
            "photos": str(self.photos.resolve()),
            **helpers_record(detector),
        }
        refined = f", refined by {network['refine']}" if "refine" in self.source else ""
        self.note(f"network: {model}, by {self.source['backend']}{refined}")
        if self.out is None:
            self._look(detector, None)
            return
        # Which of the photos are looked at may change: --limit may be raised later, and the run goes on.
        with Run(
            self.out, {**self.source, "files": digest({str(k): name for k, name in self.labels.names.items()})}
        ) as run:
            if known := sum(key in run.done for key in self.labels.photos):
                self.note(f"{known} of {len(self.labels.photos)} photos were looked at before, in {self.out}")
            self._look(detector, run)

    def _look(self, detector: Any, run: Run | None) -> None:
        done: dict[int, list[dict[str, Any]]] = run.done if run is not None else {}
        waiting = [key for key in self.labels.photos if key not in done]
        try:
            with self.progress(len(waiting)) as advance:
                for key in waiting:
                    try:
                        people = self._people(detector, key)
                    except Exception as error:  # whatever is wrong with one photo must not end the run
                        known = isinstance(error, (OSError, ValueError))
                        self.failed[key] = str(error) if known else f"{type(error).__name__}: {error}"
                    else:
                        if run is not None:
                            self._keep(run, key, people)
                        else:
                            done[key] = people.to_coco(key)
                    advance()
        except KeyboardInterrupt as error:
            kept = "the same command goes on from there" if run is not None else "with --out it could go on from there"
            count = len([key for key in self.labels.photos if key in done])
            raise Interrupted(f"interrupted after {count} of {len(self.labels.photos)} photos; {kept}") from error
        self.entries = [entry for key in self.labels.photos for entry in done.get(key, ())]

    def _people(self, detector: Any, key: int) -> People:
        """Whom the network finds in a photo; ValueError if its labels are for other pixels."""
        if problem := photo_problem(self.labels.photos[key]):
            raise ValueError(problem)
        people: People = detector(self.photo_path(key))
        return people

    def _keep(self, run: Run, key: int, people: People) -> None:
        try:
            run.add(key, people)
        except OSError as error:
            count = len([key for key in self.labels.photos if key in run.done])
            raise NotKept(
                f"results cannot be kept in {str(self.out)!r}: {error}; {count} of {len(self.labels.photos)} photos "
                "are done, the same command goes on from there"
            ) from error

    def evaluate(self) -> Evaluation:
        """Score the results."""
        return evaluate_metric(self.metric, self.labels, self.entries, self.skeleton, **self.options)

    def write(self, evaluation: Evaluation) -> None:
        """Write `METRIC.json`, the results of a network and, if there are photos, the page of the worst to `out`.

        Raises NotKept if that cannot be done.
        """
        if self.out is None:
            return
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            if "results" not in self.source:
                write_atomically(self.out / "results.json", json.dumps(self.entries))
            report = json.dumps(self.report(evaluation), indent=1, allow_nan=False)
            write_atomically(self.out / f"{self.metric}.json", report + "\n")
            if self.worst and self.photos.is_dir():
                scored = Path(self.source.get("model") or self.source["results"]).name
                title = f"{scored} on {self.labels.source.parent.name}/{self.labels.source.name}"
                write_page(evaluation, self.out, self.photo_path, count=self.worst, title=title)
        except OSError as error:
            raise NotKept(f"the scores cannot be written to {str(self.out)!r}: {error}") from error

    def report(self, evaluation: Evaluation) -> dict[str, Any]:
        """All numbers and what they come from, ready for `json.dump`."""
        failed = [
            {"image_id": key, "file_name": self.labels.names[key], "error": error} for key, error in self.failed.items()
        ]
        return {**evaluation.to_dict(), "labels": str(self.labels.source), "source": self.source, "failed": failed}
