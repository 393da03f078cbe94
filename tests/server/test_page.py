"""The page in a real browser: photos, a camera, sliders, errors, a narrow screen."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from bottomup.detector import Detector
from bottomup.settings import Settings
from tests.makers.service import SeesRed, encoded, make_app, photo, serving
from tests.makers.services import is_missing

pytestmark = pytest.mark.slow

_AXE = Path(__file__).parents[2] / "build" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
_LONGEST_WAIT = 60_000  # milliseconds, for a busy computer


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser takes for a camera: a person who walks to the right."""
    path = tmp_path_factory.mktemp("camera") / "walk.mjpeg"
    frames = [cv2.imencode(".jpg", photo(left=20 + 4 * step))[1].tobytes() for step in range(20)]
    path.write_bytes(b"".join(frames))
    return path


@pytest.fixture(scope="module")
def browser(camera: Path) -> Iterator[Any]:
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((path for path in map(shutil.which, names) if path), None)
    if program is None:
        is_missing("Chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        is_missing("playwright")
    options = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--no-sandbox"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=[*options, f"--use-file-for-fake-video-capture={camera}"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(make_app(max_body=200_000)) as (_, port):
        yield port


@pytest.fixture
def page(browser: Any, port: int) -> Iterator[Any]:
    with opened(browser, port) as page:
        yield page


class opened:
    """The page of a service, ready; at the end there must have been no error of its own and no other host asked."""

    def __init__(self, browser: Any, port: int, **options: Any) -> None:
        self._context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | options))
        self._port, self._wrong = port, list[str]()

    def __enter__(self) -> Any:
        page = self._context.new_page()
        page.set_default_timeout(_LONGEST_WAIT)
        page.on("pageerror", lambda error: self._wrong.append(str(error)))
        page.on("request", self._check)
        page.goto(f"http://127.0.0.1:{self._port}/")
        page.wait_for_selector("body[data-ready]")
        return page

    def _check(self, request: Any) -> None:
        if not request.url.startswith((f"http://127.0.0.1:{self._port}/", "blob:", "data:")):
            self._wrong.append(f"asked {request.url}")

    def __exit__(self, *_: object) -> None:
        self._context.close()
        assert self._wrong == []


def upload(page: Any, data: bytes, name: str = "walk.png") -> None:
    page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": data})
    page.wait_for_selector("#busy", state="hidden")


def wait_for(page: Any, selector: str, text: str | re.Pattern[str]) -> None:
    from playwright.sync_api import expect

    expect(page.locator(selector)).to_have_text(text, timeout=_LONGEST_WAIT)


def downloaded(page: Any, button: str) -> tuple[str, bytes]:
    with page.expect_download() as download:
        page.click(button)
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_a_photo_is_looked_at_and_its_people_can_be_saved(page: Any) -> None:
    picture = photo()
    upload(page, encoded(picture))
    wait_for(page, "#count", "1")
    assert "1 person in 320 \u00d7 240 pixels" in page.inner_text("#status")
    assert page.get_attribute("#canvas", "aria-label") == "Picture with 1 person"
    assert page.is_hidden("#error")
    (found,) = Detector(backend=SeesRed(), settings=Settings(input_height=240))(picture).to_dict()["people"]

    name, data = downloaded(page, "#save-json")
    assert name == "walk_people.json"
    document = json.loads(data)
    assert document["rows"] == [{"path": "walk.png", "width": 320, "height": 240, "error": None, "people": [found]}]

    name, data = downloaded(page, "#save-csv")
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    assert (name, len(rows)) == ("walk_people.csv", 17)
    assert rows[0]["joint"] == "nose"
    assert [float(rows[0][column]) for column in ("x", "y", "score")] == found["keypoints"][:3]

    name, data = downloaded(page, "#save-png")
    drawn = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[:, :, ::-1]
    assert drawn.shape == picture.shape
    x, y = np.rint(found["keypoints"][:2]).astype(int)
    assert (drawn[y, x] != picture[y, x]).any()
    assert (drawn[-1, -1] == picture[-1, -1]).all()


def test_a_photo_can_be_pasted_and_dropped(page: Any) -> None:
    script = """([bytes, kind]) => {
        const file = new File([new Uint8Array(bytes)], "a.png", { type: "image/png" });
        const data = new DataTransfer();
        data.items.add(file);
        const options = { bubbles: true, cancelable: true };
        document.body.dispatchEvent(kind === "paste"
            ? new ClipboardEvent("paste", { ...options, clipboardData: data })
            : new DragEvent("drop", { ...options, dataTransfer: data }));
    }"""
    for kind, people in (("paste", 1), ("drop", 0)):
        page.evaluate(script, [list(encoded(photo(people))), kind])
        wait_for(page, "#count", str(people))


def test_sliders_change_what_is_found(page: Any) -> None:
    upload(page, encoded(photo()))
    wait_for(page, "#count", "1")
    page.focus("#person_threshold")
    page.keyboard.press("End")
    wait_for(page, "#count", "0")
    assert page.inner_text("#person_threshold-value") == "1.00"
    assert "No people found." in page.inner_text("#people")
    page.click("#reset")
    wait_for(page, "#count", "1")
    with page.expect_request(lambda request: "model=coarse" in request.url) as asked:
        page.select_option("#model", "coarse")
    assert "input_height" not in asked.value.url
    assert page.inner_text("#input_height-value") == "160 px"


def test_fields_are_laid_over_the_photo(page: Any) -> None:
    script = """() => {
        const canvas = document.querySelector("#canvas");
        const image = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return image.data.reduce((sum, value) => sum + value);
    }"""
    upload(page, encoded(photo()))
    page.wait_for_selector("#save-png:enabled")
    page.uncheck("#show-skeleton")
    sums = [page.evaluate(script)]
    for layer in ("#show-heatmaps", "#show-pafs"):
        with page.expect_response(lambda answer: "layers=" in answer.url):
            page.check(layer)
        page.wait_for_selector("#busy", state="hidden")
        sums.append(page.evaluate(script))
        page.uncheck(layer)
        page.wait_for_selector("#busy", state="hidden")
    assert len(set(sums)) == 3


def test_the_camera_shows_people_with_ids_and_stops(page: Any) -> None:
    page.click("#camera")
    wait_for(page, "#people td:first-child", "id 0")
    wait_for(page, "#status", re.compile("^Camera: .* frames a second"))
    page.focus("#person_threshold")
    page.keyboard.press("End")
    wait_for(page, "#count", "0")
    page.keyboard.press("Home")
    wait_for(page, "#count", "1")
    page.check("#show-heatmaps")
    page.wait_for_timeout(300)
    assert page.inner_text("#camera") == "Stop the camera"
    page.click("#camera")
    assert page.inner_text("#camera") == "Use the camera"
    assert page.inner_text("#status") == "The camera is off."
    upload(page, encoded(photo(0)))
    wait_for(page, "#count", "0")


def test_errors_are_told_and_the_page_goes_on(page: Any) -> None:
    upload(page, b"no picture")
    wait_for(page, "#error", re.compile("^The picture must be a JPEG, PNG, WebP"))
    assert page.is_disabled("#save-json")
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    upload(page, encoded(noise))
    wait_for(page, "#error", re.compile("^The body must have at most 200000 bytes but has"))
    upload(page, encoded(photo()))
    wait_for(page, "#count", "1")
    assert page.is_hidden("#error")
    page.context.set_offline(True)
    upload(page, encoded(photo()))
    wait_for(page, "#error", "The service cannot be reached.")
    page.context.set_offline(False)


def test_the_token_is_asked_for(browser: Any) -> None:
    with serving(make_app(token="s3cret")) as (_, port):
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(_LONGEST_WAIT)
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector("#login[open]")
        page.fill("#token", "wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("#login[open]")
        page.fill("#token", "s3cret")
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-ready]")
        upload(page, encoded(photo()))
        wait_for(page, "#count", "1")
        page.click("#camera")
        wait_for(page, "#people td:first-child", "id 0")
        context.close()


def test_everything_fits_on_a_phone(browser: Any, port: int) -> None:
    with opened(browser, port, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True) as page:
        upload(page, encoded(photo()))
        wait_for(page, "#count", "1")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for button in ("#choose", "#camera", "#save-png"):
            box = page.locator(button).bounding_box()
            assert box["height"] >= 40
            assert 0 <= box["x"] <= box["x"] + box["width"] <= 360


def test_every_control_is_reached_by_the_keyboard(page: Any) -> None:
    upload(page, encoded(photo()))
    page.wait_for_selector("#save-png:enabled")
    page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    controls = page.evaluate(
        "[...document.querySelectorAll('button, select, input:not([tabindex=\"-1\"])')]"
        ".filter((e) => e.offsetParent && !e.closest('dialog')).map((e) => e.id)"
    )
    assert set(controls) <= reached
    assert len(controls) >= 18


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Any, port: int, scheme: str) -> None:
    if not _AXE.is_file():
        is_missing("axe-core")
    with opened(browser, port, color_scheme=scheme) as page:
        for prepare in (lambda: None, lambda: upload(page, encoded(photo())), lambda: upload(page, b"no picture")):
            prepare()
            page.evaluate(_AXE.read_text(encoding="utf-8"))
            found = page.evaluate("axe.run()")
            wrong = [
                (violation["id"], [node["target"] for node in violation["nodes"]])
                for violation in found["violations"]
                if violation["impact"] in ("moderate", "serious", "critical")
            ]
            assert wrong == []
            assert len(found["passes"]) > 15
