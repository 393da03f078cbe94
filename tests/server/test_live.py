"""The WebSocket as a camera sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from bottomup.detector import Detector
from bottomup.settings import Settings
from tests.makers.service import SeesRed, encoded, make_app, photo


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(make_app(max_live=2)) as client:
        yield client


def test_each_frame_has_its_people_and_they_keep_their_ids(client: TestClient) -> None:
    with client.websocket_connect("/v1/live") as socket:
        ids = []
        for step in range(4):
            picture = photo(left=40 + 4 * step)
            socket.send_bytes(encoded(picture, "JPEG"))
            answer = socket.receive_json()
            assert (answer["type"], answer["frame"], answer["width"], answer["height"]) == (
                "people",
                step + 1,
                320,
                240,
            )
            (person,) = answer["people"]
            assert person["box"][0] > 40 + 4 * step - 8
            ids.append(person["id"])
        assert len(set(ids)) == 1


def test_options_hold_for_the_frames_that_follow(client: TestClient) -> None:
    picture = photo()
    with client.websocket_connect("/v1/live") as socket:
        socket.send_json({"type": "options", "model": "coarse", "layers": ["heatmaps"], "joint_threshold": 0.2})
        answer = socket.receive_json()
        assert (answer["type"], answer["model"], answer["skeleton"]["name"]) == ("options", "coarse", "coco17")
        socket.send_bytes(encoded(picture))
        answer = socket.receive_json()
        assert set(answer["layers"]) == {"heatmaps"}
        settings = Settings(input_height=160, joint_threshold=0.2)
        expected = Detector(backend=SeesRed(), settings=settings)(picture).to_dict()["people"]
        assert [{k: v for k, v in person.items() if k != "id"} for person in answer["people"]] == expected
        socket.send_json({"track": False, "person_threshold": 0.99})
        assert socket.receive_json()["model"] == "red"
        socket.send_bytes(encoded(picture))
        assert socket.receive_json()["people"] == []


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("hello", "bad_text", "a text must be options as JSON"),
        ("[]", "bad_text", "a text must be options as JSON"),
        ('{"person_threshold": 2}', "invalid_parameters", "person_threshold: must be from 0 to 1 but is 2"),
        ('{"colour": "red"}', "invalid_parameters", "colour"),
        ('{"model": "/etc/passwd"}', "invalid_parameters", "model: must be one of"),
        ('{"scales": [1, "x"]}', "invalid_parameters", "scales.1"),
    ],
)
def test_a_text_that_makes_no_sense_is_answered(client: TestClient, text: str, code: str, part: str) -> None:
    with client.websocket_connect("/v1/live") as socket:
        socket.send_text(text)
        answer = socket.receive_json()
        assert answer["type"] == "error"
        assert answer["error"]["code"] == code
        assert part in answer["error"]["message"]
        socket.send_bytes(b"no picture")
        assert socket.receive_json()["error"]["code"] == "bad_picture"
        socket.send_bytes(encoded(photo()))
        assert len(socket.receive_json()["people"]) == 1


def closed(socket: Any) -> tuple[int, str]:
    """The code and the reason that the service closes with, after whatever it still says."""
    message = socket.receive()
    while message["type"] == "websocket.send":
        message = socket.receive()
    return message["code"], message["reason"]


def test_endless_nonsense_ends(client: TestClient) -> None:
    with client.websocket_connect("/v1/live") as socket:
        for _ in range(20):
            socket.send_text("?")
        assert closed(socket)[0] == 1003


def test_too_many_cameras_are_told_to_come_back(client: TestClient) -> None:
    connect = client.websocket_connect
    with connect("/v1/live"), connect("/v1/live"), connect("/v1/live") as third:
        assert closed(third)[0] == 1013
    with client.websocket_connect("/v1/live") as socket:
        socket.send_bytes(encoded(photo()))
        assert socket.receive_json()["type"] == "people"


def test_a_page_of_another_origin_is_turned_away(client: TestClient) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/v1/live", headers={"Origin": "http://evil.example"}),
    ):
        pass
    with client.websocket_connect("/v1/live", headers={"Origin": "http://testserver"}) as socket:
        socket.send_bytes(encoded(photo()))
        assert socket.receive_json()["type"] == "people"


def test_a_silent_camera_is_closed() -> None:
    with TestClient(make_app(live_timeout=0.1)) as client, client.websocket_connect("/v1/live") as socket:
        assert closed(socket) == (1008, "nothing came for too long")


def test_the_token_comes_first() -> None:
    with TestClient(make_app(token="s3cret")) as client:
        for first in (encoded(photo()), '{"token": "wrong"}', "{}"):
            with client.websocket_connect("/v1/live") as socket:
                if isinstance(first, bytes):
                    socket.send_bytes(first)
                else:
                    socket.send_text(first)
                assert closed(socket)[0] == 1008
        with client.websocket_connect("/v1/live") as socket:
            socket.send_json({"token": "s3cret"})
            assert socket.receive_json()["type"] == "options"
            socket.send_bytes(encoded(photo()))
            assert socket.receive_json()["type"] == "people"
