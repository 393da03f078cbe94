"""From a picture to its people. Read `Detector` top to bottom: that is the path that every picture takes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Literal, Unpack, cast, overload

import numpy as np
import numpy.typing as npt
from PIL import Image

from bottomup.calibrated_scores import calibrate_people, decoder_settings, with_network_defaults
from bottomup.decoder import decode_fields
from bottomup.fields import Fields
from bottomup.grouping.joint_nodes import merge_candidates
from bottomup.grouping.proposals import check_proposal_lists
from bottomup.image import DecodedImage, decode_image, is_single
from bottomup.kernels import Candidates
from bottomup.letterbox import Letterbox
from bottomup.networks.backends.base import Backend, check_outputs, info_of, runtime
from bottomup.networks.backends.factory import load_model
from bottomup.networks.own import Facts
from bottomup.people import People
from bottomup.pose_denoiser import load_pose_denoiser
from bottomup.prepared_photos import Look, Output, PreparedPhoto, batches, to_network
from bottomup.progress import progress_bar
from bottomup.refinement import PROPOSED, Refiner, as_refiner
from bottomup.settings import Settings, check_settings
from bottomup.skeletons import reported_skeleton
from bottomup.tag_decoder import decode_tags
from bottomup.test_time_augmentation import (
    Pass,
    average_fields,
    average_tags,
    check_scales,
    pass_candidates,
    plan_passes,
)

OnePicture = str | os.PathLike[str] | bytes | bytearray | BinaryIO | npt.NDArray[Any] | Image.Image
Boxes = npt.NDArray[np.float64]


class Detector:
    """A network that is ready to find people.

    One Detector may be called from several threads, and several Detectors do not know of each other.

    Parameters
    ----------
    model:
        `default` for the built-in network, the name of one that can be downloaded (`bottomup weights list`),
        or the path of a `.safetensors` of `bottomup train`, an `.onnx` of `bottomup export onnx`, an OpenVINO `.xml`
        with its `.bin` beside it, or the checkpoint of a published network with part affinity fields or tags (`.pth`,
        `.caffemodel`; OpenPose, Lightweight OpenPose, trt_pose, HigherHRNet).
    device:
        `cpu`, `cuda` or `cuda:N`; None takes the GPU if there is one that the backend can use.
    backend:
        `openvino`, `onnxruntime` or `torch`; None takes the quickest that is installed and can run the file. An object
        with the attributes and the method of `bottomup.networks.backends.base.Backend` is used as it is; then
        `model` and `device` have no say.
    settings:
        See `Settings`.
    refine:
        A network for crops that looks again at each person: `default` for the built-in one, or as in `CropDetector`;
        `cascade:` before it, or `cascade` alone, looks twice, again around the joints that it has found; or the
        `refiner` of another Detector of the same joints, which is then shared.
    facts:
        Of a network of others, an `.onnx`, `.xml` or `.pb` file or a torch module: `skeleton`, `stride` and
        what else `NetworkFacts` has. A TOML file beside it, `hand.toml` for `hand.onnx`, may tell them as well.

    Attributes
    ----------
    info:
        The facts of the network; see `NetworkInfo`.
    skeleton:
        What the people are reported in. Fields in OpenPose's 18 joints, the built-in and the downloadable networks
        among them, are reported as COCO-17 (the neck is only an aid of the fields); any other network keeps its own.
    decoder_settings:
        The same settings, their thresholds in the decoder's scores, which the network's calibration turns into those
        of the people.
    denoiser:
        The `PoseDenoiser` that mends the people before that; None if neither the settings nor the network ask for one.
    refiner:
        What looks again at the people; None without `refine`. People's scores are calibrated only if it `judges` them,
        and then it looks at unlikely people as well: `person_threshold` is of their scores after that.

    Raises
    ------
    ValueError
        If the model is unknown, corrupt or of another kind, or the device is not there.
    FileNotFoundError
        If the model is the path of no file.
    ImportError
        If the model needs OpenVINO and it is not installed.
    bottomup.weights.DownloadError
        If the model has to be downloaded and cannot be.
    """

    def __init__(
        self,
        model: Any = "default",
        *,
        device: str | None = None,
        backend: str | Backend | None = None,
        settings: Settings | None = None,
        refine: str | os.PathLike[str] | Refiner | None = None,
        **facts: Unpack[Facts],
    ) -> None:
        settings = check_settings(settings)
        device = None if device is None else str(device)
        if backend is None or isinstance(backend, str):
            self.backend = load_model(model, device=device, backend=backend, facts=facts)
        else:
            self.backend = backend
        self.info = info_of(self.backend)
        if self.info.task not in ("fields", "tags"):
            task = self.info.task
            raise ValueError(f"model must see fields in whole pictures but {model} is for {task}: use CropDetector")
        if self.info.task == "tags" and settings.merge != "fields":
            raise ValueError(f'merge must be "fields" for a network with tags but is {settings.merge!r}')
        self.skeleton = reported_skeleton(self.info.skeleton)
        self.refiner = None if refine is None else as_refiner(refine, self.skeleton, device)
        self._judge = (
            self.refiner if self.info.calibration is not None and self.refiner and self.refiner.judges else None
        )
        if self._judge is not None:
            settings = with_network_defaults(settings, self._judge.detector.info)
        self.settings = with_network_defaults(settings, self.info)
        self.denoiser = load_pose_denoiser(self.settings.pose_denoiser, self.skeleton)
        check_scales(self.settings)
        most = PROPOSED if self._judge else 1.0
        self.decoder_settings = decoder_settings(self.settings, self.info.calibration, most=most)

    def __repr__(self) -> str:
        refined = "" if self.refiner is None else f", refined by {self.refiner.name}"
        return f"Detector({self.skeleton.name}, {runtime(self.backend)}{refined})"

    @overload
    def __call__(self, image: OnePicture, *, rgb: bool = False, proposals: Any = None) -> People: ...
    @overload
    def __call__(
        self,
        image: list[Any] | tuple[Any, ...],
        *,
        rgb: bool = False,
        proposals: Any = None,
        errors: Literal["raise"] = "raise",
        progress: bool = False,
    ) -> list[People]: ...
    @overload
    def __call__(
        self,
        image: list[Any] | tuple[Any, ...],
        *,
        rgb: bool = False,
        proposals: Any = None,
        errors: Literal["return"],
        progress: bool = False,
    ) -> list[People | Exception]: ...
    @overload
    def __call__(
        self, image: Any, *, rgb: bool = False, proposals: Any = None, errors: str = "raise", progress: bool = False
    ) -> Any: ...
    def __call__(
        self, image: Any, *, rgb: bool = False, proposals: Any = None, errors: str = "raise", progress: bool = False
    ) -> Any:
        """The people in a picture, or of each picture of several.

        Parameters
        ----------
        image:
            A path; the content of a file, as bytes or an open binary file; a NumPy array (H, W, 3) uint8 in OpenCV's
            BGR order; a PIL image; or a torch tensor (3, H, W), uint8 or float in 0..1, RGB. Or several: a list or
            tuple of any of these, an array (B, H, W, 3) or a tensor (B, 3, H, W).
        rgb:
            NumPy arrays are RGB, not BGR.
        proposals:
            Boxes of people from any detector: (N, 4) floats x0, y0, x1, y1 in the pixels of the picture. For several
            pictures a list, of such an array or None for each. See `decode_fields`.
        errors:
            What a picture of several that cannot be read does: `raise`, or `return` the error in its place.
        progress:
            Show a progress bar on the standard error stream while several pictures are looked at.

        Returns
        -------
        People in the pixels of the picture (turned upright, if it is a file with an EXIF orientation), or a list
        of them in the order of the pictures.

        Raises
        ------
        TypeError, ValueError, FileNotFoundError
            If a picture is none; see `bottomup.image.to_bgr`. Of several, the message names the first bad one.
            If proposals are no boxes, have a side that is not positive, or are not one for each picture.
        """
        if errors not in ("raise", "return"):
            raise ValueError(f'errors must be "raise" or "return" but is {errors!r}')
        if is_single(image):
            (boxes,) = check_proposal_lists([proposals], 1, True)
            return self._detect([self._prepare(self._read(image, rgb), boxes=boxes)])[0].with_picture(image, rgb=rgb)
        all_boxes = check_proposal_lists(proposals, len(image), False)
        results: dict[int, People | Exception] = {}

        def photos() -> Iterator[PreparedPhoto]:
            for index, (picture, boxes) in enumerate(zip(image, all_boxes, strict=True)):
                try:
                    yield self._prepare(self._read(picture, rgb), index, boxes)
                except (TypeError, ValueError, FileNotFoundError) as error:
                    named = type(error)(f"image {index} of {len(image)}: {error}")
                    if errors == "raise":
                        raise named from error
                    results[index] = named

        with progress_bar("pictures", len(image), progress) as advance_to:
            for batch in batches(photos()):
                results |= zip((photo.index for photo in batch), self._detect(batch), strict=True)
                advance_to(len(results))
        found = ((results[index], picture) for index, picture in enumerate(image))
        return [one.with_picture(at, rgb=rgb) if isinstance(one, People) else one for one, at in found]

    def look(self, image: Any, *, rgb: bool = False) -> Look:
        """The network's half of a call: what it makes of one picture. `group` is the other half.

        In threads of their own, the network looks at the next picture while the people of the last one are grouped.
        """
        if not is_single(image):
            raise ValueError("image must be a single picture but is a list or a batch")
        photo = self._prepare(self._read(image, rgb))
        return Look(photo, self._run([photo])[0])

    def group(self, look: Look, *, proposals: Any = None) -> People:
        """The people in what `look` gave: `detector.group(detector.look(image))` is `detector(image)`.

        proposals: boxes of people in the pixels of the picture, as a call takes them.
        """
        (boxes,) = check_proposal_lists([proposals], 1, True)
        photo = look.photo
        if boxes is not None:
            photo = dataclasses.replace(photo, boxes=to_network(boxes, photo.passes))
        return self._decode(photo, look.outputs)

    def fields(self, image: Any, *, rgb: bool = False) -> Fields:
        """What the network sees in one picture: the fields that the people are decoded from, averaged over all passes.

        They are in network pixels; `detector.letterbox(height, width).to_image(xy)` takes those to the pixels of a
        picture of that size.
        """
        look = self.look(image, rgb=rgb)
        return self._average(look.photo, look.outputs)

    def letterbox(self, height: int, width: int) -> Letterbox:
        """How a picture of `height` x `width` pixels is laid into the input, and how network pixels map back to it."""
        return self._plan(height, width)[0].letterbox

    def _plan(self, height: int, width: int) -> tuple[Pass, ...]:
        return plan_passes(height, width, self.settings, self.info.alignment, self.info.y_offset)

    def _read(self, image: Any, rgb: bool) -> DecodedImage:
        """The picture; a file that is much larger than the network sees it comes reduced."""
        return decode_image(image, rgb=rgb, least=self.needed_side)

    def needed_side(self, height: int, width: int) -> int:
        """Pixels that the longer side of a picture of that size is needed in: those of the largest pass over it.

        With `refine` the picture is needed as it is. A `bottomup.image.DecodedImage` of so many pixels or more is taken
        in the place of the whole picture.
        """
        if self.refiner is not None:
            return max(height, width)
        return max(self._plan(height, width)[0].letterbox.resized_size)

    def _detect(self, photos: Sequence[PreparedPhoto]) -> list[People]:
        """The people of photos whose inputs have the same sizes."""
        return [self._decode(photo, outputs) for photo, outputs in zip(photos, self._run(photos), strict=True)]

    def _prepare(self, picture: DecodedImage, index: int = 0, boxes: Boxes | None = None) -> PreparedPhoto:
        """Picture -> letterbox, once for every pass; the boxes go along into the pixels of the first."""
        passes = self._plan(*picture.size)
        inputs = tuple(look.letterbox.apply(picture.pixels, mirrored=look.mirrored) for look in passes)
        at_network = None if boxes is None else to_network(boxes, passes)
        return PreparedPhoto(index, passes, inputs, at_network, picture.pixels if self.refiner else None)

    def _run(self, photos: Sequence[PreparedPhoto]) -> list[list[Output]]:
        """Letterboxes -> network -> what it made of each pass, for each photo."""
        batches = [np.stack(inputs) for inputs in zip(*(photo.inputs for photo in photos), strict=True)]
        outputs = [check_outputs(self.backend, self.info, images, self.backend.run(images)) for images in batches]
        return [[(heatmaps[number], pafs[number]) for heatmaps, pafs in outputs] for number in range(len(photos))]

    def _average(self, photo: PreparedPhoto, outputs: list[Output]) -> Fields:
        """The fields, averaged over the passes."""
        if self.info.task != "fields":
            raise ValueError(f"model must have part affinity fields but {self.info.name} has {self.info.task}")
        return average_fields(photo.passes, outputs, self.info.skeleton, self.info.stride)

    def _merge(self, photo: PreparedPhoto, outputs: list[Output]) -> Candidates | None:
        """The joint candidates of all passes, if they are to be merged instead of the heatmaps."""
        if self.settings.merge == "fields" or len(photo.passes) == 1:
            return None
        looks = pass_candidates(photo.passes, outputs, self.info.skeleton, self.info.stride, self.settings)
        return merge_candidates(looks, self.info.skeleton, self.settings)

    def _decode(self, photo: PreparedPhoto, outputs: list[Output]) -> People:
        """Fields -> people in network pixels -> people in the picture's pixels, in the skeleton that is reported."""
        people = self._decode_tags(photo, outputs) if self.info.task == "tags" else self._decode_fields(photo, outputs)
        letterbox = photo.passes[0].letterbox
        height, width = letterbox.image_size
        # The last cell of a field may reach beyond the picture, and a joint in it with it.
        keypoints = np.clip(letterbox.to_image(people.keypoints), 0, (width - 1, height - 1)).astype(np.float32)
        people = People(
            people.skeleton, keypoints, people.keypoint_scores, people.scores, traced=people.traced
        ).convert(self.skeleton)
        people = people[np.flatnonzero(people.keypoint_scores.any(axis=1))]  # a lone neck is no person in COCO-17
        calibrated = calibrate_people(people, self.info.calibration)
        if self.denoiser is not None:
            calibrated = self.denoiser(calibrated, (height, width), least=self.settings.joint_threshold)
        if self.refiner is None or photo.picture is None:
            return calibrated
        proposed = People(
            people.skeleton, calibrated.keypoints, calibrated.keypoint_scores, people.scores, traced=calibrated.traced
        )
        return self.refiner(photo.picture, proposed, least=self.settings.person_threshold if self._judge else None)

    def _decode_fields(self, photo: PreparedPhoto, outputs: list[Output]) -> People:
        fields = self._average(photo, outputs)
        people = decode_fields(
            fields.heatmaps,
            fields.pafs,
            fields.skeleton,
            stride=fields.stride,
            settings=self.decoder_settings,
            proposals=photo.boxes,
            candidates=self._merge(photo, outputs),
        )
        return cast(People, people)

    def _decode_tags(self, photo: PreparedPhoto, outputs: list[Output]) -> People:
        if photo.boxes is not None:
            raise ValueError("proposals must be None for a network with tags, which needs none to tell people apart")
        heatmaps, tags = average_tags(photo.passes, outputs, self.info.skeleton, self.info.stride)
        people = decode_tags(
            heatmaps, tags, self.info.skeleton, stride=self.info.stride, settings=self.decoder_settings
        )
        return cast(People, people)
