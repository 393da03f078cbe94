"""Pictures through a detector, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bottomup.image import BgrImage
from bottomup.jobs.results import Results
from bottomup.jobs.sources import Source

if TYPE_CHECKING:
    from bottomup.people import People


@dataclass(frozen=True)
class Outcome:
    """What came of one picture: how many people and the best score, or else why it failed."""

    source: Source
    num_people: int = 0
    best_score: float = 0.0
    error: str | None = None


def run(detector: Callable[[BgrImage], Any], sources: Iterable[Source], results: Results | None) -> Iterator[Outcome]:
    """Look at one picture after the other; one that fails is reported and the next one follows."""
    for source in sources:
        try:
            image = source.read()
            people: People = detector(image)
            if results is not None:
                results.add(source, image, people)
        except Exception as error:  # whatever is wrong with one picture must not cost the results of the others
            text = str(error) if isinstance(error, (OSError, ValueError)) else f"{type(error).__name__}: {error}"
            yield Outcome(source, error=text)
        else:
            yield Outcome(source, len(people), float(max(people.scores, default=0.0)))
