from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from bottomup.image import is_single, iterate_bgr, read_image, to_bgr


def picture(height: int = 40, width: int = 60, *, seed: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Smooth RGB colours, so that lossy formats keep them."""
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 256, (4, 6, 3), dtype=np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)


# ---------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("ending", ["png", "bmp", "tiff", "ppm", "gif", "jpg", "webp"])
def test_a_file_reads_as_bgr(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    Image.fromarray(picture()).save(path)
    image = read_image(path)
    assert image.shape == (40, 60, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    tolerance = 0 if ending in ("png", "bmp", "tiff", "ppm") else 30
    assert np.abs(image[:, :, ::-1].astype(int) - picture()).max() <= tolerance
    np.testing.assert_array_equal(read_image(str(path)), image)


def test_a_jpeg_reads_as_opencv_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(picture(333, 217)).save(path, quality=90)
    assert np.abs(read_image(path).astype(int) - cv2.imread(str(path))).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((30, 50, 3), np.uint8)
    upright[:10, :20] = 250, 0, 0  # red in the top left, blue at the right
    upright[:, 40:] = 0, 0, 250
    # How a camera held that way stores the upright scene (EXIF 2.3, tag 274: where row 0 and column 0 are seen).
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / "a.jpg"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, quality=95, subsampling=0, exif=exif)
    image = read_image(path)
    assert image.shape == upright.shape
    assert np.abs(image[:, :, ::-1].astype(int) - upright).mean() < 5
    with Image.open(path) as opened:
        np.testing.assert_array_equal(to_bgr(opened), image)


def test_an_opened_picture_is_turned_upright_too() -> None:
    """A PIL image with an orientation is the same picture as its upright version."""
    image = Image.fromarray(picture())
    image.getexif()[274] = 6
    np.testing.assert_array_equal(to_bgr(image)[:, :, ::-1], np.asarray(ImageOps.exif_transpose(image)))
    assert to_bgr(image).shape == (60, 40, 3)


def jpeg_of(tmp_path: Path, **options: Any) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "whole.jpg"
    Image.fromarray(rng.integers(0, 256, (200, 300, 3), dtype=np.uint8)).save(path, **options)
    return path


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
@pytest.mark.parametrize("fraction", [0.001, 0.01, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_jpeg_is_an_error(tmp_path: Path, fraction: float, options: dict[str, Any]) -> None:
    data = jpeg_of(tmp_path, **options).read_bytes()
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[: int(len(data) * fraction)])
    with pytest.raises(ValueError, match=r"image must be a complete picture but '.*cut\.jpg' cannot be read"):
        read_image(path)


@pytest.mark.parametrize("ending", ["png", "webp", "bmp", "tiff", "gif"])
@pytest.mark.parametrize("fraction", [0.05, 0.5, 0.95])
def test_other_truncated_files_are_errors(tmp_path: Path, fraction: float, ending: str) -> None:
    path = tmp_path / f"cut.{ending}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    with pytest.raises(ValueError, match=r"image must be a complete picture but '.*cut"):
        read_image(path)


def test_an_opened_truncated_picture_is_an_error(tmp_path: Path) -> None:
    path = jpeg_of(tmp_path)
    path.write_bytes(path.read_bytes()[:5000])
    with Image.open(path) as opened, pytest.raises(ValueError, match="image must be a complete picture"):
        to_bgr(opened)


def test_missing_empty_foreign_and_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"image must be an existing file but '.*nowhere\.jpg' does not exist"):
        read_image(tmp_path / "nowhere.jpg")
    with pytest.raises(FileNotFoundError, match=r"does not exist; download it first, if it is an address$"):
        read_image("https://example.org/photo.jpg")
    with pytest.raises(TypeError, match=r"is a NoneType, as cv2\.imread gives for a file that it cannot read$"):
        to_bgr(None)
    with pytest.raises(ValueError, match="is a directory"):
        read_image(tmp_path)
    with pytest.raises(ValueError, match="image must be the path of a picture but is empty"):
        read_image("")
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(ValueError, match=r"empty\.jpg' is empty"):
        read_image(tmp_path / "empty.jpg")
    (tmp_path / "text.jpg").write_text("no picture " * 100)
    with pytest.raises(ValueError, match=r"'.*text\.jpg' cannot be read: it is of none of the formats AVIF, BMP, GIF"):
        read_image(tmp_path / "text.jpg")


def test_sixteen_bit_grey_is_scaled_to_eight(tmp_path: Path) -> None:
    grey = np.linspace(0, 65535, 40 * 60).reshape(40, 60).astype(np.uint16)
    for name in ("a.png", "a.tiff"):
        cv2.imwrite(str(tmp_path / name), grey)
        image = read_image(tmp_path / name)
        assert image.shape == (40, 60, 3)
        np.testing.assert_array_equal(image[:, :, 0], np.round(grey / 257))
        np.testing.assert_array_equal(image[:, :, 0], image[:, :, 2])


def test_thirty_two_bit_grey_may_hold_eight() -> None:
    grey = np.arange(256).reshape(16, 16)
    for values in (grey, grey * 257):
        np.testing.assert_array_equal(to_bgr(Image.fromarray(values.astype(np.int32)))[:, :, 0], grey)


def test_sixteen_bit_colour_is_scaled_to_eight(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), picture().astype(np.uint16) * 257)
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), picture(), atol=1)


def test_grey_palette_and_bilevel(tmp_path: Path) -> None:
    grey = picture()[:, :, 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), np.repeat(grey[:, :, None], 3, axis=2))
    Image.fromarray(picture()).quantize(200).save(tmp_path / "palette.png")
    assert np.abs(read_image(tmp_path / "palette.png")[:, :, ::-1].astype(int) - picture()).mean() < 8
    Image.fromarray(grey > 128).save(tmp_path / "bilevel.png")
    np.testing.assert_array_equal(read_image(tmp_path / "bilevel.png")[:, :, 1], np.where(grey > 128, 255, 0))
    Image.fromarray(picture()).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "cmyk.jpg")[:, :, ::-1].astype(int) - picture()).mean() < 8


def test_transparent_pictures_lie_on_white(tmp_path: Path) -> None:
    rgba = np.dstack([picture(), np.full((40, 60), 255, np.uint8)])
    rgba[:20, :, 3] = 0
    rgba[20:30, :, 3] = 128
    Image.fromarray(rgba).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")[:, :, ::-1]
    assert (image[:20] == 255).all()
    assert np.abs(image[20:30] - (picture()[20:30] * 0.5 + 255 * 0.5)).max() <= 2
    np.testing.assert_array_equal(image[30:], picture()[30:])


def test_floating_point_and_32_bit_files_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(ValueError, match=r"'.*float\.tiff' .*holds floating-point"):
        read_image(tmp_path / "float.tiff")
    Image.fromarray(np.full((4, 4), 1 << 20, np.int32)).save(tmp_path / "wide.tiff")
    with pytest.raises(ValueError, match=r"8- or 16-bit values but holds 1048576"):
        read_image(tmp_path / "wide.tiff")


# ------------------------------------------------------------------------------------------- arrays, PIL and torch


def test_arrays_of_any_memory_order() -> None:
    bgr = picture()
    flipped_view = bgr[:, :, ::-1]
    np.testing.assert_array_equal(to_bgr(bgr), bgr)
    np.testing.assert_array_equal(to_bgr(flipped_view, rgb=True), bgr)
    np.testing.assert_array_equal(to_bgr(np.asfortranarray(bgr)), bgr)
    np.testing.assert_array_equal(to_bgr(bgr.transpose(1, 0, 2)), bgr.transpose(1, 0, 2))
    assert to_bgr(flipped_view, rgb=True).flags.c_contiguous


def test_every_kind_of_picture_gives_the_same_bgr(tmp_path: Path) -> None:
    rgb = picture()
    expected = rgb[:, :, ::-1]
    Image.fromarray(rgb).save(tmp_path / "a.png")
    tensor = torch.from_numpy(rgb).permute(2, 0, 1)
    for same in (
        rgb[:, :, ::-1],
        Image.fromarray(rgb),
        tensor,
        tensor / 255,
        (tensor / 255).half(),
        tmp_path / "a.png",
    ):
        np.testing.assert_array_equal(to_bgr(same), expected)
    for colourful in (Image.fromarray(rgb), tensor, tmp_path / "a.png"):  # rgb is for NumPy only
        np.testing.assert_array_equal(to_bgr(colourful, rgb=True), expected)


def test_a_tensor_with_gradient_is_fine() -> None:
    assert to_bgr(torch.full((3, 4, 5), 0.5, requires_grad=True)).tolist() == np.full((4, 5, 3), 128).tolist()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 5), np.uint8), r"has shape \(4, 5\), dtype uint8; cv2.cvtColor"),
        (np.zeros((4, 5, 1), np.uint8), r"has shape \(4, 5, 1\), dtype uint8; cv2.cvtColor"),
        (np.zeros((4, 5, 4), np.uint8), r"has shape \(4, 5, 4\), dtype uint8; image\[:, :, :3\]"),
        (np.zeros((3, 4, 5), np.uint8), r"has shape \(3, 4, 5\), dtype uint8; image.transpose\(1, 2, 0\)"),
        (np.zeros((4, 5, 3), np.uint16), r"has dtype uint16; \(image // 257\)"),
        (np.zeros((4, 5, 3), np.float32), r"has dtype float32; \(image \* 255\)"),
        (np.zeros((4, 5, 3), np.int64), "has dtype int64$"),
        (np.zeros((4, 5, 3), object), "has dtype object$"),
        (np.zeros((0, 5, 3), np.uint8), r"at least one pixel but has shape \(0, 5, 3\)"),
        (np.zeros(3, np.uint8), r"has shape \(3,\)"),
        (np.zeros((1, 2, 4, 5, 3), np.uint8), r"has shape \(1, 2, 4, 5, 3\)"),
        (torch.zeros(4, 5, 3), r"tensor of shape \(3, H, W\) but has \(4, 5, 3\)"),
        (torch.zeros(3, 0, 5), "at least one pixel"),
        (torch.zeros(3, 4, 5, dtype=torch.int64), "has dtype int64"),
        (torch.full((3, 4, 5), 255.0), "within 0..1 but holds 0 to 255"),
        (torch.full((3, 4, 5), -1.0), "within 0..1 but holds -1 to 1"),
        (torch.full((3, 4, 5), float("nan")), "within 0..1 but holds nan"),
    ],
)
def test_wrong_arrays_and_tensors(image: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^image must be .*" + message):
        to_bgr(image)


@pytest.mark.parametrize("image", [None, 5, {"image": 1}, (x for x in [1])])
def test_other_things_are_no_pictures(image: Any) -> None:
    with pytest.raises(
        TypeError,
        match="image must be a path, a NumPy array, a PIL image, a torch tensor, the bytes of a file or a list",
    ):
        to_bgr(image)


def test_lists_and_batches() -> None:
    stack = np.stack([picture(seed=seed) for seed in range(3)])
    assert is_single(stack[0])
    assert is_single("a.jpg")
    assert is_single(Image.fromarray(stack[0]))
    assert is_single(torch.zeros(3, 4, 5))
    for several in (stack, list(stack), tuple(stack), torch.from_numpy(stack).permute(0, 3, 1, 2)):
        assert not is_single(several)
    np.testing.assert_array_equal(list(iterate_bgr(stack)), stack)
    np.testing.assert_array_equal(list(iterate_bgr(list(stack), rgb=True)), stack[..., ::-1])
    np.testing.assert_array_equal(list(iterate_bgr(torch.from_numpy(stack).permute(0, 3, 1, 2))), stack[..., ::-1])
    assert list(iterate_bgr([])) == []


def test_an_error_in_a_list_names_the_index(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"image 1 of 2: image must be .* but has shape \(4, 5\)"):
        list(iterate_bgr([picture(), np.zeros((4, 5), np.uint8)]))
    with pytest.raises(FileNotFoundError, match=r"image 0 of 1: .*nowhere"):
        list(iterate_bgr([tmp_path / "nowhere.png"]))
    with pytest.raises(TypeError, match="image 1 of 2: image must be a path"):
        list(iterate_bgr([picture(), None]))
    with pytest.raises(ValueError, match=r"image 0 of 2: image must be a tensor of shape \(3, H, W\)"):
        list(iterate_bgr(torch.zeros(2, 1, 4, 5)))
