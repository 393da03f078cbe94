"""Labels as converters write them: each habit, and the right value or the refusal that it must give."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from bottomup.datasets import read_coco, read_folder, read_labels
from bottomup.evaluation import evaluate, evaluate_metric
from bottomup.people import People
from bottomup.skeletons import AI_CHALLENGER_14, COCO_17, CROWDPOSE_14, OPENPOSE_COCO_18
from tests.makers.evaluation import entry, pose

pytest.importorskip("pycocotools")

Content = dict[str, Any]


def content(photos: int = 2, **more: Any) -> Content:
    """A photo of 640 x 480 with one person each."""
    people = [
        {
            **entry(number, pose(x=30 * number)), "id": number, "bbox": [30 * number, 0, 100, 200], "area": 10000,
            "iscrowd": 0, "num_keypoints": 17,
        }
        for number in range(1, photos + 1)
    ]  # fmt: skip
    for person in people:
        del person["score"]
    images = [{"id": n, "file_name": f"{n}.png", "width": 640, "height": 480} for n in range(1, photos + 1)]
    category = {"id": 1, "name": "person", "keypoints": list(COCO_17.joints)}
    return {"images": images, "annotations": people, "categories": [category], **more}


def write(folder: Path, made: Content, *, pictures: bool = True) -> Path:
    (folder / "images").mkdir(exist_ok=True)
    if pictures:
        for number in range(1, len(made["images"]) + 1):
            cv2.imwrite(str(folder / "images" / f"{number}.png"), np.full((480, 640, 3), 40 * number, np.uint8))
    (folder / "annotations.json").write_text(json.dumps(made))
    return folder


def perfect(path: Path) -> People:
    """The labelled person of the photo of that name."""
    return People(COCO_17, pose(x=30 * int(path.stem))[None].astype(np.float32), np.ones((1, 17)), np.array([0.9]))


def each_person(change: Callable[[int, Content], None]) -> Content:
    made = content()
    for number, person in enumerate(made["annotations"]):
        change(number, person)
    return made


def test_the_labels_as_they_are(tmp_path: Path) -> None:
    assert evaluate(perfect, write(tmp_path, content()))["AP"] == pytest.approx(1)


@pytest.mark.parametrize("ids", [(0, 1), (7, 7), (0, 0), ("a", "b"), (None, None), (2.5, "7"), ({}, [])])
def test_ids_of_annotations_are_not_used(tmp_path: Path, ids: tuple[Any, Any]) -> None:
    folder = write(tmp_path, each_person(lambda number, person: person.update(id=ids[number])))
    assert evaluate(perfect, folder)["AP"] == pytest.approx(1)


def test_annotations_need_no_ids(tmp_path: Path) -> None:
    folder = write(tmp_path, each_person(lambda _, person: person.pop("id")))
    assert evaluate(perfect, folder)["AP"] == pytest.approx(1)


@pytest.mark.parametrize("first", [0, "frame_a", "0007", 3.0])
def test_photos_may_have_any_ids(tmp_path: Path, first: Any) -> None:
    made = content()
    made["images"][0]["id"] = made["annotations"][0]["image_id"] = first
    assert evaluate(perfect, write(tmp_path, made))["AP"] == pytest.approx(1)
    made["images"][1]["id"] = first
    with pytest.raises(ValueError, match=r"two images have the same id .*: 1\.png and 2\.png"):
        read_labels(write(tmp_path, made))


@pytest.mark.parametrize("area", [None, 0, 0.0, 1, -5, math.nan, math.inf, 0.5, 1e300, 10**400])
def test_areas_that_are_none_are_estimated_and_counted(tmp_path: Path, area: float | None) -> None:
    folder = write(tmp_path, each_person(lambda _, person: person.update(area=area)))
    labels = read_labels(folder)
    assert labels.estimated_areas == 2
    assert labels.photos[1].areas == pytest.approx([0.53 * 100 * 200])
    results = [entry(number, pose(x=30 * number + 1), 0.9) for number in (1, 2)]
    evaluation = evaluate_metric("coco", labels, results, COCO_17)
    assert evaluation.scores["AP"] == pytest.approx(1)
    assert (evaluation.people["missed"], evaluation.details["areas_from_boxes"]) == (0, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keypoints": [1e39, 1, 2] * 17}, r"keypoints must be within 1e\+09 pixels but has 1e\+39"),
        ({"keypoints": [10**400, 1, 2] * 17}, "int too large"),
        ({"bbox": [0, 0, 1e300, 1]}, r"bbox must be within 1e\+09 pixels but has 1e\+300"),
        ({"num_keypoints": 10**400}, "int too large"),
    ],
)
def test_numbers_beyond_every_picture_are_refused(tmp_path: Path, changes: Content, message: str) -> None:
    folder = write(tmp_path, each_person(lambda _, person: person.update(changes)))
    with pytest.raises(ValueError, match=rf"annotation 0 .*: {message}"):
        read_labels(folder)


def test_an_area_that_was_measured_stays(tmp_path: Path) -> None:
    labels = read_labels(write(tmp_path, content()))
    assert (labels.estimated_areas, labels.photos[1].areas.tolist()) == (0, [10000])


def test_an_empty_box_gives_way_to_the_joints(tmp_path: Path) -> None:
    folder = write(tmp_path, each_person(lambda _, person: person.update(bbox=[9, 9, 0, 0], area=0)))
    area = read_labels(folder).photos[1].areas[0]
    assert 0.53 * 90 * 180 < area < 0.53 * 140 * 260


def test_boxes_and_crowd_flags_may_be_missing(tmp_path: Path) -> None:
    def change(_: int, person: Content) -> None:
        del person["bbox"], person["iscrowd"], person["area"], person["num_keypoints"]

    folder = write(tmp_path, each_person(change))
    (box,) = read_labels(folder).photos[1].boxes
    seen = pose(x=30)
    assert (box[:2] <= seen.min(axis=0)).all()
    assert (box[2:] >= seen.max(axis=0)).all()
    assert evaluate(perfect, folder)["AP"] == pytest.approx(1)
    assert read_coco(folder, COCO_17)[0].keypoints.shape == (1, 17, 2)


def test_an_annotation_without_any_place_is_left_out_and_told(tmp_path: Path) -> None:
    made = content()
    made["annotations"].append({"image_id": 1, "category_id": 1, "iscrowd": 1})
    labels = read_labels(write(tmp_path, made))
    assert len(labels.photos[1].keypoints) == 1
    assert labels.notes == ("1 annotations have neither a box nor a joint: they are left out.",)


@pytest.mark.parametrize("nothing", [math.nan, None])
def test_coordinates_of_unlabelled_joints_may_be_anything(tmp_path: Path, nothing: float | None) -> None:
    def change(_: int, person: Content) -> None:
        person["keypoints"][:3] = [nothing, nothing, 0]
        person["keypoints"][3:6] = [nothing, nothing, nothing]

    labels = read_labels(write(tmp_path, each_person(change)))
    assert labels.photos[1].visible[0].tolist() == [False, False, *[True] * 15]
    bad = each_person(lambda _, person: person["keypoints"].__setitem__(0, nothing))
    with pytest.raises(ValueError, match=r"annotation 0 \(id 1\): keypoints must be 51 finite numbers"):
        read_labels(write(tmp_path, bad))


def test_other_categories_are_nobody(tmp_path: Path) -> None:
    made = content()
    made["categories"].append({"id": 27, "name": "backpack"})
    made["annotations"].append(
        {"id": 9, "image_id": 1, "category_id": 27, "iscrowd": 0, "bbox": [0, 0, 9, 9], "area": 9}
    )
    made["annotations"].append(
        {"id": 9, "image_id": 1, "category_id": 27, "iscrowd": 1, "bbox": [0, 0, 9, 9], "area": 9}
    )
    folder = write(tmp_path, made)
    assert read_coco(folder, COCO_17)[0].ignore.shape == (0, 4)
    assert len(read_labels(folder).photos[1].boxes) == 1


def test_an_unknown_category_with_joints_is_refused(tmp_path: Path) -> None:
    made = content()
    made["annotations"][0]["category_id"] = 0
    with pytest.raises(
        ValueError, match=r"annotation 0 \(id 1\) must be of a category of the file, \['1'\], but is of 0"
    ):
        read_labels(write(tmp_path, made))


def test_categories_may_share_their_joints(tmp_path: Path) -> None:
    made = content()
    made["categories"].append({**made["categories"][0], "id": 2, "name": "child"})
    made["annotations"][1]["category_id"] = 2
    assert len(read_labels(write(tmp_path, made)).photos[2].keypoints) == 1
    made["categories"][1]["keypoints"] = ["tail"]
    with pytest.raises(
        ValueError, match=r"one category with keypoints is expected but it has 2: \['person', 'child'\]"
    ):
        read_labels(write(tmp_path, made))
    made["annotations"][1]["keypoints"] = [5, 6, 2]
    labels = read_labels(write(tmp_path, made), category="child")
    assert labels.skeleton.joints == ("tail",)
    assert labels.default_sigmas == ("tail",)
    assert [len(photo.keypoints) for photo in labels] == [0, 1]


@pytest.mark.parametrize(("size", "orientation"), [((320, 240), 1), ((640, 480), 6)])
def test_labels_for_other_pixels_are_refused(tmp_path: Path, size: tuple[int, int], orientation: int) -> None:
    folder = write(tmp_path, content())
    exif = Image.Exif()
    exif[0x112] = orientation
    Image.new("RGB", size).save(folder / "images" / "1.png", exif=exif)
    shown = "320 x 240" if orientation == 1 else "480 x 640"
    message = rf"1\.png is {shown} pixels but its labels are for 640 x 480"
    for read in (lambda: read_coco(folder, COCO_17), lambda: evaluate(perfect, folder)):
        with pytest.raises(ValueError, match=message):
            read()
    made = content()
    for image in made["images"]:
        image.update(width=479, height=641)  # rounded otherwise
    if orientation == 6:
        (folder / "images" / "2.png").unlink()
        (folder / "annotations.json").write_text(json.dumps(made))
        assert len(read_coco(folder, COCO_17)) == 2


def test_joints_outside_of_a_photo_tell_as_well(tmp_path: Path) -> None:
    made = content()
    for image in made["images"]:
        image.update(width=None, height=0)
    folder = write(tmp_path, made)
    assert len(read_coco(folder, COCO_17)) == 2
    Image.new("RGB", (64, 48)).save(folder / "images" / "1.png")
    with pytest.raises(ValueError, match=r"1\.png is 64 x 48 pixels but its labelled joints reach \(115, 195\)"):
        read_coco(folder, COCO_17)


def test_joints_that_no_skeleton_knows_are_refused_and_unused_ones_named(tmp_path: Path) -> None:
    made = content()
    made["categories"][0]["keypoints"] = [str(number) for number in range(17)]
    folder = write(tmp_path, made)
    with pytest.raises(ValueError, match=r"labels must share joints with openpose18, .* has \['0', '1', "):
        read_folder(folder, OPENPOSE_COCO_18)
    made["categories"][0]["keypoints"] = ["tail", *COCO_17.joints[1:]]
    (photo, _) = read_folder(write(tmp_path, made), OPENPOSE_COCO_18)
    assert photo.unused == ("tail",)
    assert not photo.known[OPENPOSE_COCO_18.index("nose")]
    (photo, _) = read_folder(write(tmp_path, content()), CROWDPOSE_14)
    assert photo.unused == COCO_17.joints[:5]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks(tmp_path: Path, encoding: str) -> None:
    made = content()
    made["images"][0]["file_name"] = "\u00e4\U0001f600.png"
    folder = write(tmp_path, made)
    text = json.dumps(made, ensure_ascii=False)
    (folder / "annotations.json").write_bytes(text.encode(encoding))
    assert read_labels(folder).names[1] == "\u00e4\U0001f600.png"
    (folder / "annotations.json").write_bytes(codecs.BOM_UTF8 + b'{"images": "\xff"}')
    with pytest.raises(ValueError, match="its text cannot be decoded"):
        read_labels(folder)


@pytest.mark.parametrize(
    "name", ["images/1.png", "images\\1.png", "./1.png", "http://example.org/a/1.png?size=4", "data/images/1.png"]
)
def test_names_of_photos_in_other_habits(tmp_path: Path, name: str) -> None:
    made = content()
    made["images"][0]["file_name"] = name
    folder = write(tmp_path, made)
    assert read_labels(folder).photos[1].path == folder / "images" / "1.png"


@pytest.mark.parametrize("name", ["../1.png", "a/../../1.png", "/etc/passwd", "..\\1.png", "C:\\1.png", "a\0.png"])
def test_names_do_not_leave_the_folder(tmp_path: Path, name: str) -> None:
    made = content()
    made["images"][0]["file_name"] = name
    with pytest.raises(ValueError, match="image 1: file_name must lie within the folder of the photos but is"):
        read_labels(write(tmp_path, made))


def test_a_last_part_that_two_photos_share_is_not_guessed(tmp_path: Path) -> None:
    made = content()
    made["images"][0]["file_name"], made["images"][1]["file_name"] = "a/1.png", "b/1.png"
    folder = write(tmp_path, made)
    assert [photo.path for photo in read_labels(folder)] == [folder / "images" / part / "1.png" for part in "ab"]


def test_nesting_without_end_is_told(tmp_path: Path) -> None:
    file = tmp_path / "annotations.json"
    for text in ("[" * 200_000, '{"images": ' + "[" * 200_000, '{"info": ' + '{"a": ' * 200_000):
        file.write_text(text)
        with pytest.raises(ValueError, match=r"annotations\.json (is|are) not: .*it is nested too deeply"):
            read_labels(file)


@pytest.mark.parametrize("cut", [1, 40, 200, -3])
def test_files_that_end_too_early_are_told(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "annotations.json"
    file.write_text(json.dumps(content())[:cut])
    with pytest.raises(ValueError, match=r"labels must be annotations in COCO form but .*annotations\.json are not"):
        read_labels(file)


def test_a_joint_with_v_3_is_not_labelled(tmp_path: Path) -> None:
    """AI Challenger's habit, also in COCO's form."""
    person = {
        "image_id": 1,
        "category_id": 1,
        "bbox": [0, 0, 9, 9],
        "keypoints": [1, 2, 1, 3, 4, 2, 5, 6, 3] + [0] * 33,
    }
    made = content(1, annotations=[person])
    made["categories"][0]["keypoints"] = list(AI_CHALLENGER_14.joints)
    assert read_labels(write(tmp_path, made)).photos[1].visible[0].tolist() == [True, True, *[False] * 12]


def test_keys_may_come_in_any_order(tmp_path: Path) -> None:
    made = content()
    folder = write(tmp_path, made)
    turned = {"annotations": made["annotations"], "info": {"year": 2017}, "categories": made["categories"],
              "licenses": [{"id": [1]}], "images": made["images"]}  # fmt: skip
    (folder / "annotations.json").write_text(json.dumps(turned))
    assert evaluate(perfect, folder)["AP"] == pytest.approx(1)


@pytest.mark.parametrize("layout", ["images/val2017", "val2017", "images"])
def test_the_stock_layout(tmp_path: Path, layout: str) -> None:
    made = content()
    photos = tmp_path / layout
    photos.mkdir(parents=True)
    for number in (1, 2):
        cv2.imwrite(str(photos / f"{number}.png"), np.zeros((480, 640, 3), np.uint8))
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "person_keypoints_val2017.json").write_text(json.dumps(made))
    assert evaluate(perfect, tmp_path)["AP"] == pytest.approx(1)
    assert [photo.path for photo in read_folder(tmp_path, COCO_17)] == [photos / "1.png", photos / "2.png"]
    (tmp_path / "annotations" / "person_keypoints_train2017.json").write_text(json.dumps(made))
    with pytest.raises(ValueError, match=r"labels must be one file but .*person_keypoints_train2017.*: name one"):
        read_labels(tmp_path)
    assert read_labels(tmp_path, split="val2017").source.stem == "person_keypoints_val2017"
