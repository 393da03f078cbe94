"""From a video to people with ids: in order, without hanging, with errors where they arise."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from bottomup.detector import Detector
from bottomup.people import People
from bottomup.skeletons import COCO_17
from bottomup.tracking import Tracker
from bottomup.video import FrameOptions, VideoError, track_video
from bottomup.video.queues import Ahead
from tests.makers.clips import pictures, write_clip
from tests.makers.scenes import TWO, SeesColours
from tests.makers.walkers import standing


def find(image: np.ndarray) -> People:
    """A figure of the size of the picture's bright square."""
    return standing((4, 4), size=image.shape[0] / 2)


def threads() -> int:
    return sum(thread.name.startswith("bottomup") for thread in threading.enumerate())


def test_frames_and_people_in_order(tmp_path: Path) -> None:
    with track_video(write_clip(tmp_path / "a.mp4", pictures(12)), detector=find) as video:
        found = list(video)
    assert [frame.index for frame, _ in found] == list(range(12))
    assert all(people.ids is not None and people.ids.tolist() == [0] for _, people in found)
    assert threads() == 0


def test_pictures_of_a_program_and_of_a_folder(tmp_path: Path) -> None:
    import cv2

    frames = pictures(11)
    for number, image in enumerate(frames):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    (tmp_path / "5.png").write_text("broken")
    by_folder = track_video(tmp_path, detector=find, rate=10)
    found = [frame for frame, _ in by_folder]
    assert [round(frame.time, 3) for frame in found] == [0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert np.array_equal(found[-1].image, frames[10])
    assert by_folder.stats.corrupt == 1
    stamped = [(0.5 * number, image) for number, image in enumerate(frames)]
    assert [frame.time for frame, _ in track_video(stamped, detector=find)] == [0.5 * number for number in range(11)]
    with pytest.raises(ValueError, match="frames must have times that rise but frame 1 has 0 after 0"):
        list(track_video([(0, frames[0]), (0, frames[1])], detector=find))


def test_it_can_be_left_at_any_time(tmp_path: Path) -> None:
    video = track_video(write_clip(tmp_path / "a.mp4", pictures(50)), detector=find)
    next(video)
    video.close()
    assert threads() == 0
    with pytest.raises(StopIteration):
        next(video)


def test_an_error_of_the_detector_arrives(tmp_path: Path) -> None:
    def fail(image: np.ndarray) -> People:
        raise RuntimeError("the network is gone")

    with pytest.raises(RuntimeError, match="the network is gone"):
        list(track_video(write_clip(tmp_path / "a.mp4", pictures(5)), detector=fail))
    assert threads() == 0


def test_a_detector_of_ones_own_gives_people() -> None:
    with pytest.raises(TypeError, match="detector must give People but gave a list"):
        list(track_video(pictures(2), detector=lambda image: []))


def test_the_network_and_the_grouping_in_threads_give_what_a_call_gives() -> None:
    image, _ = TWO
    detector = Detector(backend=SeesColours())
    (_, people), *_ = track_video([image] * 3, detector=detector, proposals=False)
    assert people.with_ids(None) == detector(image)


def test_a_live_source_drops_what_nothing_was_ready_for() -> None:
    made = []

    def camera() -> object:
        for number in range(60):
            time.sleep(0.002)
            made.append(number)
            yield number / 500, np.zeros((8, 8, 3), np.uint8)

    source = track_video(camera(), detector=lambda image: (time.sleep(0.02), find(image))[1])
    object.__setattr__(source.source.info, "live", True)
    found = [frame.index for frame, _ in source]
    assert found == sorted(found)
    assert 2 <= len(found) < 50
    assert len(found) + source.stats.dropped == len(made) == 60
    assert f"{source.stats.dropped} frames dropped to keep up" in source.stats.sentences()


@pytest.mark.parametrize("hangs", [False, True])
def test_a_camera_that_is_unplugged(monkeypatch: pytest.MonkeyPatch, hangs: bool) -> None:
    gone, frames = threading.Event(), iter(pictures(3))

    class Camera:
        def get(self, which: int) -> float:
            return 0.0

        def read(self) -> tuple[bool, np.ndarray | None]:
            image = next(frames, None)
            if image is None and hangs:
                gone.wait(30)
            return image is not None, image

        def release(self) -> None:
            gone.set()

    monkeypatch.setattr("bottomup.video.other_sources._open_camera", lambda number: Camera())
    video = track_video(0, detector=find, options=FrameOptions(timeout=0.2))
    assert video.info.live
    with pytest.raises(VideoError, match=r"camera 0 gave no more frames after 3: unplugged\?"):
        list(video)
    assert threads() == 0


def test_gaps_are_filled_where_they_are_short() -> None:
    figure = standing((10, 10), size=100)
    lone = People.empty(COCO_17)
    seen = [figure if number not in (4, 5, 10, 11, 12, 13, 14, 15) else lone for number in range(20)]
    answers = iter(seen)
    frames = [(number / 25, np.zeros((8, 8, 3), np.uint8)) for number in range(20)]
    video = track_video(frames, detector=lambda image: next(answers), max_gap=0.2)
    counts = [len(people) for _, people in video]
    assert counts == [1] * 10 + [0] * 6 + [1] * 4
    with pytest.raises(ValueError, match="max_gap must be from 0 to 60 seconds but is -1"):
        track_video(frames, detector=find, max_gap=-1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"source": 3.5}, TypeError, "source must be a file, an address, a camera or pictures but is a float"),
        ({"source": True}, TypeError, "source must be a video but is True"),
        ({"source": ""}, VideoError, "source must be the path of a video but is empty"),
        ({"source": "99"}, VideoError, "there is no camera 99"),
        ({"source": [], "tracker": 1}, TypeError, "tracker must be a Tracker but is a int"),
        ({"source": [], "detector": 1}, TypeError, "detector must be a Detector or a function but is a int"),
        ({"source": [], "rate": 0}, ValueError, "rate must be positive but is 0"),
    ],
)
def test_wrong_arguments(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        track_video(**{"detector": find, **arguments})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": -1.0}, "start must be from 0 to 1e\\+09 but is -1.0"),
        ({"start": 2.0, "end": 1.0}, "end must be later than start, 2 s, but is 1"),
        ({"every": 0}, "every must be at least 1 but is 0"),
        ({"max_fps": 0.0}, "max_fps must be from 0.001 to 1e\\+06 but is 0.0"),
    ],
)
def test_wrong_options(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FrameOptions(**options)


def test_work_that_runs_ahead_is_bounded() -> None:
    made = []

    def numbers() -> object:
        for number in range(100):
            made.append(number)
            yield number

    with Ahead(numbers(), 3) as ahead:  # type: ignore[var-annotated]
        items = iter(ahead)
        assert next(items) == 0
        time.sleep(0.05)
        assert len(made) <= 6
    assert threads() == 0


def test_the_tracker_goes_on_where_it_was(tmp_path: Path) -> None:
    tracker = Tracker()
    path = write_clip(tmp_path / "a.mp4", pictures(4))
    list(track_video(path, detector=find, tracker=tracker))
    tracker.reset()
    (_, people), *_ = track_video(path, detector=find, tracker=tracker)
    assert people.ids is not None
    assert people.ids.tolist() == [0]
