"""The result: People, and one Person of them."""

from bottomup.people.people import People, Person

__all__ = ["People", "Person"]
