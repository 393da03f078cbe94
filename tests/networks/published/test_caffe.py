"""The reader of .caffemodel files."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bottomup.networks.published.caffe import read_caffemodel


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def block(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


def blob(values: np.ndarray, *, packed: bool = True) -> bytes:
    data = values.astype("<f4").tobytes()
    numbers = (
        block(5, data) if packed else b"".join(varint(5 << 3 | 5) + data[n : n + 4] for n in range(0, len(data), 4))
    )
    return block(7, numbers + block(7, block(1, b"".join(map(varint, values.shape)))))


def layer(name: str, blobs: Sequence[bytes] = ()) -> bytes:
    # As caffe writes them: bottoms, a learning rate with a fixed32 inside, the phase.
    other = block(3, b"image") + block(6, varint(3 << 3 | 5) + struct.pack("<f", 1.0)) + varint(10 << 3) + varint(1)
    return block(100, block(1, name.encode()) + block(2, b"Convolution") + other + b"".join(blobs))


WEIGHT, BIAS = np.arange(200 * 3, dtype=np.float32).reshape(200, 3, 1, 1), np.linspace(-1, 1, 200, dtype=np.float32)


@pytest.mark.parametrize("packed", [True, False])
def test_blobs_are_weights_and_biases(tmp_path: Path, packed: bool) -> None:
    content = block(1, b"net") + layer("conv", [blob(WEIGHT, packed=packed), blob(BIAS)]) + layer("relu")
    content += layer("prelu", [blob(BIAS[:5])])
    (tmp_path / "a.caffemodel").write_bytes(content)
    tensors = read_caffemodel(tmp_path / "a.caffemodel")
    assert list(tensors) == ["conv.weight", "conv.bias", "prelu.weight"]
    np.testing.assert_array_equal(tensors["conv.weight"].numpy(), WEIGHT)
    np.testing.assert_array_equal(tensors["conv.bias"].numpy(), BIAS)
    np.testing.assert_array_equal(tensors["prelu.weight"].numpy(), BIAS[:5])


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.caffemodel", layer("conv", [blob(BIAS[:3])])
    path.write_bytes(whole)
    read_caffemodel(path)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"model must be a \.caffemodel"):
            read_caffemodel(path)
    rng = np.random.default_rng(0)
    for _ in range(300):  # whatever is read, nothing else is raised
        changed = bytearray(whole)
        changed[int(rng.integers(len(whole)))] = int(rng.integers(256))
        path.write_bytes(bytes(changed))
        with contextlib.suppress(ValueError):
            read_caffemodel(path)
    wrong = layer("conv", [block(7, block(5, BIAS.tobytes()) + block(7, block(1, varint(2**40))))])
    path.write_bytes(wrong)
    with pytest.raises(ValueError, match="has 200 numbers"):
        read_caffemodel(path)
    with pytest.raises(FileNotFoundError, match="model must be an existing file"):
        read_caffemodel(tmp_path / "none.caffemodel")
