"""JSON files of any size, read piece by piece.

Annotation files reach hundreds of megabytes, of which Python's objects take six times as much. Here only one entry of
a long list is an object at any time. Encodings are those of JSON (UTF-8, -16 and -32, with or without a byte order
mark), and `NaN` is read as Python's reader does.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

_CHUNK = 1 << 20  # bytes
_SPACE = " \t\n\r"


class BadJsonError(ValueError):
    """What is wrong with a file as JSON."""


def stream_json(file: Path, lists: Collection[str]) -> Iterator[tuple[str, Any]]:
    """What the object, or the list, in a JSON file holds, one by one.

    Yields (key, value) for each key of the object but those of `lists` that hold a list: of these (key, entry) for
    each entry, or (key, []) if there is none. If the file holds a list itself, the same with "" for the key.

    Raises BadJsonError, which is a ValueError, if it is no JSON, holds neither, or is nested too deeply.
    """
    with file.open("rb") as stream:
        try:
            reader = _Reader(stream)
            start = reader.peek()
            if start == "[":
                for entry in reader.entries():
                    yield "", entry
            elif start == "{":
                for key in reader.keys():  # noqa: SIM118
                    if key in lists and reader.peek() == "[":
                        for entry in reader.entries():
                            yield key, entry
                    else:
                        yield key, reader.value()
            else:
                raise BadJsonError("it holds neither an object nor a list" if start else "it is empty")
            if reader.peek():
                raise BadJsonError(f"more follows after its end: {reader.peek()!r}")
        except RecursionError:
            raise BadJsonError("it is nested too deeply") from None
        except UnicodeDecodeError as error:
            raise BadJsonError(f"its text cannot be decoded: {error}") from None


def load_json(file: Path) -> Any:
    """All of a small file; raises as `stream_json` does."""
    data = file.read_bytes()
    try:
        text = data.decode(json.detect_encoding(data))
        return json.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        raise BadJsonError("it is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise BadJsonError(f"its text cannot be decoded: {error}") from None
    except json.JSONDecodeError as error:
        raise BadJsonError(str(error)) from None


class _Reader:
    """The text of a stream, of which only what is not yet read is kept."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._decoder = stream, json.JSONDecoder()
        head = stream.read(_CHUNK)
        encoding = json.detect_encoding(head) if head else "utf-8"
        self._text_of = codecs.getincrementaldecoder(encoding)()
        self._ended = len(head) < _CHUNK
        self._text = self._text_of.decode(head, self._ended).removeprefix("\ufeff")
        self._at = 0

    def peek(self) -> str:
        """The next character that is no space, "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def take(self, wanted: str) -> str:
        """The next character, which must be among those wanted."""
        found = self.peek()
        if not found or found not in wanted:
            what = repr(found) if found else "its end"
            raise BadJsonError(f"{' or '.join(map(repr, wanted))} is expected but {what} is there")
        self._at += 1
        return found

    def value(self) -> Any:
        """The next value."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
                # A number at the end of what was read may go on.
                if end < len(self._text) or not self._more():
                    self._at = end
                    return value
            except json.JSONDecodeError as error:
                if not self._more():
                    raise BadJsonError(f"{error.msg} near its byte {self._stream.tell()}") from None

    def entries(self) -> Iterator[Any]:
        """The entries of the list that begins here; an empty list if there are none."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            yield []
            return
        while True:
            yield self.value()
            if self.take(",]") == "]":
                return

    def keys(self) -> Iterator[str]:
        """The keys of the object that begins here; after each, its value must be read."""
        self.take("{")
        if self.peek() == "}":
            self.take("}")
            return
        while True:
            key = self.value()
            if not isinstance(key, str):
                raise BadJsonError(f"a key must be text but is {key!r}")
            self.take(":")
            yield key
            if self.take(",}") == "}":
                return

    def _more(self) -> bool:
        """Read at least as much again as is kept, so that a long value is not tried too often; False at the end."""
        if self._ended:
            return False
        kept = self._text[self._at :]
        data = self._stream.read(max(_CHUNK, 2 * len(kept)))
        self._ended = not data
        self._text, self._at = kept + self._text_of.decode(data, self._ended), 0
        return True
