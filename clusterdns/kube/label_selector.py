"""Label selectors: `app=web,tier in (front, back),!canary`, read and matched.

The API server filters by the text itself; it is read here to refuse a wrong one at start, and to filter manifests.
Source: Kubernetes documentation, "Labels and Selectors".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_TOKEN = re.compile(r"\s*(==|!=|[=!<>(),]|[A-Za-z0-9][A-Za-z0-9._/-]*)")
_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_KEY = re.compile(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


class Requirement(NamedTuple):
    """One part of a selector. `operator` is `in`, `notin`, `exists`, `missing`, `>` or `<`."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "in":
                return value in self.values
            case "notin":
                # Also objects without the label.
                return value not in self.values
            case "exists":
                return value is not None
            case "missing":
                return value is None
        if value is None or not value.lstrip("-").isdecimal():
            return False
        (bound,) = self.values
        return int(value) > int(bound) if self.operator == ">" else int(value) < int(bound)


class LabelSelector(NamedTuple):
    """All requirements must be met; none are met by every object."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(each.matches(labels) for each in self.requirements)


def read_label_selector(text: str) -> LabelSelector:
    """Read a selector. Raises ValueError saying what is wrong."""
    words = _words(text)
    requirements = []
    while words:
        requirements.append(_requirement(words))
        if words and words.pop(0) != ",":
            raise ValueError(f"{text!r} is no label selector: a comma is missing behind {requirements[-1].key}")
    return LabelSelector(tuple(requirements))


def _words(text: str) -> list[str]:
    words = []
    position = 0
    while position < len(text.rstrip()):
        found = _TOKEN.match(text, position)
        if found is None:
            raise ValueError(f"{text!r} is no label selector: {text[position:].strip()!r} can't be read")
        words.append(found[1])
        position = found.end()
    return words


def _requirement(words: list[str]) -> Requirement:
    if words[0] == "!":
        del words[0]
        return Requirement(_key(words), "missing")
    key = _key(words)
    if not words or words[0] == ",":
        return Requirement(key, "exists")
    operator = words.pop(0)
    if operator in ("=", "==", "!="):
        # A value may be empty: `canary=`.
        value = "" if not words or words[0] == "," else words.pop(0)
        return Requirement(key, "notin" if operator == "!=" else "in", frozenset((_value(value),)))
    if operator in ("in", "notin"):
        return Requirement(key, operator, _values(words, key))
    if operator in ("<", ">"):
        if not words or not words[0].isdecimal():
            raise ValueError(f"a whole number is missing behind {key} {operator}")
        return Requirement(key, operator, frozenset((words.pop(0),)))
    raise ValueError(f"{operator!r} behind {key} is no operator: write =, !=, in or notin")


def _key(words: list[str]) -> str:
    key = words.pop(0) if words else ""
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is no label")
    return key


def _value(text: str) -> str:
    if not _VALUE.fullmatch(text):
        raise ValueError(f"{text!r} is no value of a label")
    return text


def _values(words: list[str], key: str) -> frozenset[str]:
    """`(a, b)`"""
    if not words or words.pop(0) != "(":
        raise ValueError(f"values in parentheses are missing behind {key}")
    values = set()
    while True:
        value = "" if words and words[0] in (",", ")") else words.pop(0) if words else "("
        values.add(_value(value))
        separator = words.pop(0) if words else ""
        if separator == ")":
            return frozenset(values)
        if separator != ",":
            raise ValueError(f"the values of {key} have no end: write them as (a, b)")
