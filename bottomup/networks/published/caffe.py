"""Weights in a .caffemodel, which is a protobuf message: read field by field, without caffe.

The numbers of the fields are those of caffe.proto: NetParameter.layer 100 (LayerParameter: name 1, blobs 7), BlobProto
data 5 and shape 7 (BlobShape.dim 1).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

_LAYER, _NAME, _BLOBS, _DATA, _SHAPE, _DIM = 100, 1, 7, 5, 7, 1
_MOST_AXES = 8


def read_caffemodel(path: str | Path) -> dict[str, torch.Tensor]:
    """The blobs of each layer as `LAYER.weight` and `LAYER.bias`, float32.

    Raises FileNotFoundError if there is no such file, ValueError naming it if it is damaged or holds no layers with
    blobs in the present format.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"model must be an existing file but {str(path)!r} is none")
    tensors: dict[str, torch.Tensor] = {}
    try:
        for number, layer in _fields(memoryview(Path(path).read_bytes())):
            if number == _LAYER and isinstance(layer, memoryview):
                tensors |= _layer(layer)
    except (ValueError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"model must be a .caffemodel but {str(path)!r} is damaged or none: {error}") from error
    if not tensors:
        raise ValueError(f"model must be a .caffemodel with weights but {str(path)!r} holds none")
    return tensors


def _layer(message: memoryview) -> dict[str, torch.Tensor]:
    name, blobs = "", []
    for number, value in _fields(message):
        if number == _NAME and isinstance(value, memoryview):
            name = bytes(value).decode()
        elif number == _BLOBS and isinstance(value, memoryview):
            blobs.append(_blob(value))
    return {f"{name}.{part}": blob for part, blob in zip(("weight", "bias"), blobs, strict=False)}


def _blob(message: memoryview) -> torch.Tensor:
    data, shape = b"", []
    for number, value in _fields(message):
        if not isinstance(value, memoryview):
            continue
        if number == _DATA:
            data += bytes(value)  # packed, or one number a field
        elif number == _SHAPE:
            for axis, dims in _fields(value):
                if axis == _DIM:
                    shape += list(_varints(dims)) if isinstance(dims, memoryview) else [dims]
    count = len(data) // 4
    if len(shape) > _MOST_AXES or len(data) % 4 or int(np.prod(shape, dtype=object) if shape else count) != count:
        raise ValueError(f"a blob of shape {shape} has {count} numbers")
    return torch.from_numpy(np.frombuffer(data, "<f4").astype(np.float32).reshape(shape or [count]))


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """The fields of a message: their numbers, and the bytes or the whole number of each."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = _varint(message, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field has the unknown kind {kind}")
        if at + size > len(message):
            raise ValueError(f"a field of {size} bytes goes beyond the end")
        yield tag >> 3, message[at : at + size]
        at += size


def _varints(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A whole number of seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number has more than 64 bits")
