"""The service as its clients see it."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from bottomup.detector import Detector
from bottomup.image import to_bgr
from bottomup.people import People
from bottomup.settings import Settings
from bottomup.skeletons import COCO_17
from tests.makers.service import SeesRed, encoded, make_app, photo


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(make_app(max_body=300_000, max_pixels=400_000, max_pictures=3)) as client:
        yield client


def expected(picture: Any, **settings: Any) -> People:
    people: People = Detector(backend=SeesRed(), settings=Settings(**({"input_height": 240} | settings)))(picture)
    return people


def as_people(row: dict[str, Any]) -> People:
    triples = np.array([person["keypoints"] for person in row["people"]], np.float32).reshape(-1, 17, 3)
    points = np.where(triples[..., 2:] > 0, triples[..., :2], np.nan)
    return People(COCO_17, points, triples[..., 2], [person["score"] for person in row["people"]])


def assert_same(row: dict[str, Any], people: People) -> None:
    found = as_people(row)
    assert len(found) == len(people)
    np.testing.assert_allclose(found.keypoints, people.keypoints, atol=1e-3)
    np.testing.assert_allclose(found.keypoint_scores, people.keypoint_scores, atol=1e-6)
    np.testing.assert_allclose(found.scores, people.scores, atol=1e-6)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_a_raw_picture_gives_the_people_that_a_detector_finds(client: TestClient, format: str) -> None:
    data = encoded(photo(), format)
    answer = client.post("/v1/detect", content=data)
    assert answer.status_code == 200
    document = answer.json()
    assert document["model"] == "red"
    assert document["skeleton"]["joints"] == list(COCO_17.joints)
    (row,) = document["rows"]
    assert (row["width"], row["height"], row["error"]) == (320, 240, None)
    people = expected(to_bgr(Image.open(BytesIO(data))))
    assert len(people) == 1
    assert_same(row, people)
    np.testing.assert_allclose(row["people"][0]["box"], people.boxes[0], atol=1e-3)


def test_a_picture_is_turned_upright(client: TestClient) -> None:
    sideways = Image.fromarray(np.rot90(photo())[:, :, ::-1])
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate 90 degrees clockwise to see it upright
    file = BytesIO()
    sideways.save(file, "JPEG", exif=exif, quality=95)
    (row,) = client.post("/v1/detect", content=file.getvalue()).json()["rows"]
    assert (row["width"], row["height"], len(row["people"])) == (320, 240, 1)


def test_metadata_do_not_cost_a_picture(client: TestClient) -> None:
    data = encoded(photo(), "PNG")
    text = b"prompt\0\1\0\0\0" + zlib.compress(b"a" * 2_000_000)
    chunk = len(text).to_bytes(4, "big") + b"iTXt" + text + zlib.crc32(b"iTXt" + text).to_bytes(4, "big")
    answer = client.post("/v1/detect", content=data[:33] + chunk + data[33:])
    assert answer.status_code == 200
    assert_same(answer.json()["rows"][0], expected(to_bgr(data)))


def test_a_picture_without_people_has_its_row(client: TestClient) -> None:
    (row,) = client.post("/v1/detect", content=encoded(photo(0))).json()["rows"]
    assert row == {"path": "", "width": 320, "height": 240, "error": None, "people": []}


def test_several_pictures_have_rows_in_their_order_and_a_bad_one_its_error(client: TestClient) -> None:
    files = [
        ("image", ("einer.png", encoded(photo()), "image/png")),
        ("image", ("kaputt.jpg", encoded(photo(), "JPEG")[:-400], "image/jpeg")),
        ("other", ("größe & <x>.png", encoded(photo(0, width=200)), "image/png")),
    ]
    answer = client.post("/v1/detect", files=files)
    assert answer.status_code == 200
    rows = answer.json()["rows"]
    assert [row["path"] for row in rows] == ["einer.png", "kaputt.jpg", "größe & <x>.png"]
    assert [len(row["people"]) for row in rows] == [1, 0, 0]
    assert rows[1]["error"] == "the picture must be complete but cannot be read to its end"
    assert (rows[1]["width"], rows[2]["width"]) == (None, 200)


def test_settings_are_parameters(client: TestClient) -> None:
    picture = photo()
    query = "input_height=200&scales=1,1.5&flip=true&joint_threshold=0.3"
    (row,) = client.post(f"/v1/detect?{query}", content=encoded(picture)).json()["rows"]
    assert_same(row, expected(picture, input_height=200, scales=(1.0, 1.5), flip=True, joint_threshold=0.3))
    repeated = client.post("/v1/detect?input_height=200&scales=1&scales=1.5&flip=true&joint_threshold=0.3",
                           content=encoded(picture))  # fmt: skip
    assert repeated.json()["rows"] == [row]
    (row,) = client.post("/v1/detect?person_threshold=1", content=encoded(picture)).json()["rows"]
    assert row["people"] == []


def test_a_network_is_chosen_by_its_name(client: TestClient) -> None:
    picture = photo()
    document = client.post("/v1/detect?model=coarse", content=encoded(picture)).json()
    assert document["model"] == "coarse"
    assert_same(document["rows"][0], expected(picture, input_height=160))


def test_coco_and_openpose_form(client: TestClient) -> None:
    picture = photo()
    files = [("i", ("000000000139.png", encoded(picture))), ("i", ("b.png", encoded(picture)))]
    entries = client.post("/v1/detect?format=coco", files=files).json()
    assert [(entry["image_id"], entry["file_name"]) for entry in entries] == [(139, "000000000139.png"), (2, "b.png")]
    assert entries[0]["keypoints"] == expected(picture).to_coco(139)[0]["keypoints"]
    assert len(entries[0]["bbox"]) == 4
    document = client.post("/v1/detect?format=openpose", content=encoded(picture)).json()
    assert document == json.loads(json.dumps(expected(picture).to_openpose()))
    documents = client.post("/v1/detect?format=openpose", files=files).json()
    assert documents == [document, document]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("person_threshold=1.5", {"person_threshold": "must be from 0 to 1 but is 1.5"}),
        ("person_threshold=nan", {"person_threshold": "must be from 0 to 1 but is nan"}),
        ("input_height=9000", {"input_height": "must let the network see at most 1024 pixels of height but has 9000"}),
        ("scales=1,5", {"scales": "must let the network see at most 1024 pixels of height but has 1200"}),
        ("scales=1,1,1,1,1", {"scales": "must be at most 4 numbers but are 5"}),
        ("scales=0", {"scales": "must be positive numbers, at least one, but is (0.0,)"}),
        ("max_aspect=100", {"max_aspect": "must be at most 8 but is 100"}),
        ("peak_threshold=0&min_joints=0", {"peak_threshold": None, "min_joints": "must be at least 1 but is 0"}),
        ("input_height=high&threads=4", {"input_height": None, "threads": "there is no such parameter"}),
        ("assignment=exact", {"assignment": None}),
        ("format=xml", {"format": None}),
        ("model=../../etc/passwd", {"model": "must be one of ['red', 'coarse'] but is '../../etc/passwd'"}),
        ("model=http://localhost/a.onnx", {"model": None}),
    ],
)
def test_wrong_parameters_are_named(client: TestClient, query: str, wrong: dict[str, str | None]) -> None:
    answer = client.post(f"/v1/detect?{query}", content=encoded(photo()))
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "invalid_parameters"
    named = {entry["name"]: entry["message"] for entry in error["parameters"]}
    assert set(named) == set(wrong)
    assert {name: message for name, message in named.items() if wrong[name] is not None} == {
        name: message for name, message in wrong.items() if message is not None
    }


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header promises so many pixels and whose data are of a few bytes: what a bomb looks like."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 400, "no_picture"),
        (b"no picture at all", 400, "bad_picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 400, "bad_picture"),
        (b"\x89PNG\r\n\x1a\n", 400, "bad_picture"),
        (encoded(photo(), "PNG")[:200], 400, "bad_picture"),
        (encoded(photo(), "JPEG")[:-400], 400, "bad_picture"),
        (png_of(1000, 1000), 413, "too_many_pixels"),
        (png_of(60_000, 60_000), 413, "too_many_pixels"),
        (bytes(300_001), 413, "body_too_large"),
    ],
)
def test_a_bad_picture_is_refused(client: TestClient, data: bytes, status: int, code: str) -> None:
    answer = client.post("/v1/detect", content=data)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert "/" not in answer.json()["error"]["message"].replace("multipart/form-data", "")


def test_a_body_without_a_length_is_counted_while_it_comes(client: TestClient) -> None:
    pieces = (bytes(50_000) for _ in range(10))
    answer = client.post("/v1/detect", content=pieces)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body_too_large"


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "bad_form"),
        (b"--x\r\nContent-Disposition: form-data; name=a; filename=a.png\r\n\r\nabc", 400, "bad_form"),
        (b"--x\r\nno header\r\n\r\nabc\r\n--x--\r\n", 400, "bad_form"),
        (b"--x--\r\n", 400, "no_picture"),
        (b"--x\r\nContent-Disposition: form-data; name=model\r\n\r\nred\r\n--x--\r\n", 422, "invalid_parameters"),
    ],
)
def test_a_bad_form_is_refused(client: TestClient, content: bytes, status: int, code: str) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/v1/detect", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_too_many_pictures_are_refused(client: TestClient) -> None:
    files = [("image", (f"{number}.png", encoded(photo()))) for number in range(4)]
    answer = client.post("/v1/detect", files=files)
    assert answer.status_code == 413
    assert answer.json()["error"]["message"] == "a form must have at most 3 pictures but has more"


def test_fields_can_be_laid_over_the_picture(client: TestClient) -> None:
    (row,) = client.post("/v1/detect?layers=heatmaps,pafs", content=encoded(photo())).json()["rows"]
    assert set(row["layers"]) == {"heatmaps", "pafs"}
    layer = row["layers"]["heatmaps"]
    opacity = np.asarray(Image.open(BytesIO(base64.b64decode(layer["png"]))))[:, :, 3]
    assert opacity.shape == (30, 40)
    assert (layer["x"], layer["y"], layer["width"], layer["height"]) == pytest.approx((0, 0, 320, 240))
    nose = as_people(row).keypoints[0, 0]
    assert opacity[int(nose[1] / 8), int(nose[0] / 8)] > 150
    assert client.post("/v1/detect?layers=edges", content=encoded(photo())).status_code == 422


def test_other_paths_and_methods_have_errors_of_the_same_shape(client: TestClient) -> None:
    assert client.get("/v1/nothing").json()["error"]["code"] == "not_found"
    answer = client.get("/v1/detect")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert client.get("/page/../app.py").status_code == 404
    assert client.get("/page/%2e%2e/app.py").status_code == 404


def test_a_fault_is_told_without_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Any) -> None:
        raise RuntimeError("secret /home/user/weights")

    backend = SeesRed()
    with TestClient(make_app(backend), raise_server_exceptions=False) as client:
        backend.before = fail
        answer = client.post("/v1/detect", content=encoded(photo()))
        assert answer.status_code == 500
        assert answer.json()["error"]["code"] == "internal"
        assert "secret" not in answer.text
        number = answer.json()["error"]["message"].split()[-1]
        assert f"fault {number}" in caplog.text
        assert "secret /home/user/weights" in caplog.text
        backend.before = lambda images: None
        assert client.post("/v1/detect", content=encoded(photo())).status_code == 200


def test_one_picture_that_fails_in_a_batch_costs_no_other_its_people() -> None:
    def fail(images: Any) -> None:
        if (images[:, -1, -1, 0] == 0).any():
            raise RuntimeError("this one")

    bad = photo()
    bad[-40:, -40:] = 0
    with TestClient(make_app(SeesRed(fail), batch_latency=0.5, batch_size=8)) as client:
        files = [("image", (name, encoded(picture))) for name, picture in (("a", photo()), ("b", bad), ("c", photo()))]
        rows = client.post("/v1/detect", files=files).json()["rows"]
    assert [len(row["people"]) for row in rows] == [1, 0, 1]
    assert "the service failed" in rows[1]["error"]


def test_a_token_is_asked_for_where_there_is_one() -> None:
    with TestClient(make_app(token="s3cret")) as client:
        assert client.get("/healthz").status_code == client.get("/").status_code == 200
        for path in ("/metrics", "/v1/networks", "/openapi.json"):
            assert client.get(path).status_code == 401
        data = encoded(photo())
        for authorization in (None, "Bearer", "Bearer s3cre", "Basic s3cret", "Bearer s3crét"):
            headers = {} if authorization is None else {"Authorization": authorization.encode()}
            answer = client.post("/v1/detect", content=data, headers=headers)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        answer = client.post("/v1/detect", content=data, headers={"Authorization": "bearer s3cret"})
        assert answer.status_code == 200
    for token in ("", "two words", "schlüssel"):
        with pytest.raises(ValueError, match="token must be printable ASCII"):
            make_app(token=token)


def test_under_a_proxys_path_the_same_is_open_and_protected() -> None:
    with TestClient(make_app(token="s3cret"), root_path="/pose") as client:
        for path in ("/healthz", "/", "/page/app.js"):
            assert client.get(f"/pose{path}").status_code == 200
        for path in ("/metrics", "/v1/networks", "/pose/healthz"):
            assert client.get(f"/pose{path}").status_code == 401
        answer = client.get("/pose/v1/networks", headers={"Authorization": "Bearer s3cret"})
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


def test_health_readiness_and_metrics() -> None:
    app = make_app()
    with TestClient(app) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        client.post("/v1/detect", content=encoded(photo()))  # comes after the first look of each network
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
        client.post("/v1/detect", content=b"nonsense")
        client.get("/secret/path")
        text = client.get("/metrics").text
        assert 'bottomup_requests_total{path="/v1/detect",status="200"} 1.0' in text
        assert 'bottomup_requests_total{path="/v1/detect",status="400"} 1.0' in text
        assert 'bottomup_requests_total{path="other",status="404"} 1.0' in text
        assert "bottomup_pictures_total 1.0" in text
        assert "bottomup_people_total 1.0" in text
        assert "bottomup_bad_pictures_total 1.0" in text
        assert "bottomup_queue_pictures 0.0" in text
        assert "bottomup_body_bytes 0.0" in text
        app.state.service.stopping.set()
        assert client.get("/readyz").json() == {"status": "stopping"}
        assert client.get("/healthz").status_code == 200


def test_a_network_that_fails_at_once_makes_the_service_unready() -> None:
    def fail(_: Any) -> None:
        raise RuntimeError("no")

    with TestClient(make_app(SeesRed(fail))) as client:
        client.post("/v1/detect", content=encoded(photo()))
        assert client.get("/readyz").json() == {"status": "loading"}


def test_the_interface_is_described_and_its_page_asks_no_other_host(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    post = document["paths"]["/v1/detect"]["post"]
    names = {parameter["name"] for parameter in post["parameters"]}
    assert {"person_threshold", "input_height", "scales", "model", "format", "layers"} <= names
    assert "multipart/form-data" in post["requestBody"]["content"]
    assert {"200", "400", "401", "408", "413", "422", "429", "504"} <= set(post["responses"])
    page = client.get("/docs").text
    assert "http://" not in page
    assert "https://" not in page
    assert client.get("/docs/files/swagger-ui-bundle.js").status_code == 200


def test_networks_are_told_with_their_settings_and_the_limits(client: TestClient) -> None:
    document = client.get("/v1/networks").json()
    assert [network["name"] for network in document["networks"]] == ["red", "coarse"]
    assert document["networks"][1]["settings"]["input_height"] == 160
    assert document["limits"]["max_body"] == 300_000
