"""The functions of Go templates: Go's own, and those that ExternalDNS adds. Pure.

A value is a text, a number, a boolean, a list or a map; what an object does not have is an empty text.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clusterdns.errors import ClusterDNSError

_VERB = re.compile(r"%([-+ 0#]*\d{0,3}(?:\.\d{1,3})?)(.?)", re.DOTALL)


class TemplateError(ClusterDNSError):
    """A template that can't be read, or not be made for an object; the text says what is wrong with it."""


def text_of(value: Any) -> str:
    """Return `value` as an action writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise TemplateError("a list or a map is no text: take one of its values")


def _printf(form: str, *values: Any) -> str:
    """Go's fmt.Sprintf with the verbs for texts, numbers and booleans."""
    rest = list(values)

    def put(found: re.Match[str]) -> str:
        flags, verb = found.groups()
        if verb == "%":
            return "%"
        if not rest:
            raise TemplateError(f"printf {form!r} has more verbs than values")
        value = rest.pop(0)
        match verb:
            case "s" | "v" | "t":
                return f"%{flags}s" % text_of(value)
            case "q":
                return f"%{flags}s" % json.dumps(text_of(value), ensure_ascii=False)
            case "d" | "x" | "X" | "o" if isinstance(value, int):
                return f"%{flags}{verb}" % value
            case "f" if isinstance(value, int | float):
                return f"%{flags}f" % value
        raise TemplateError(f"printf {form!r}: %{verb} is not for {value!r}, or not supported")

    made = _VERB.sub(put, form)
    if rest:
        raise TemplateError(f"printf {form!r} has more values than verbs")
    return made


def _index(container: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(container, Mapping):
            container = container.get(key, "")
        elif isinstance(container, Sequence) and isinstance(key, int) and 0 <= key < len(container):
            container = container[key]
        else:
            raise TemplateError(f"index {key!r} is out of range, or not in a list or map")
    return container


def _slice(value: Any, start: int = 0, end: int | None = None) -> Any:
    end = len(value) if end is None else end
    if not 0 <= start <= end <= len(value):
        raise TemplateError(f"slice {start} to {end} is out of range")
    return value[start:end]


def _from_json(text: str) -> Any:
    """Return what `text` says; nothing if it is no JSON, as in ExternalDNS."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return ""


def _and(*values: Any) -> Any:
    return next((value for value in values if not value), values[-1])


def _or(*values: Any) -> Any:
    return next((value for value in values if value), values[-1])


def _is_address(version: int) -> Callable[[Any], bool]:
    def test(value: Any) -> bool:
        try:
            return ipaddress.ip_address(str(value)).version == version
        except ValueError:
            return False

    return test


_MANY = 9

FUNCTIONS: Mapping[str, tuple[int, int, Callable[..., Any]]] = {
    # Go's own.
    "and": (1, _MANY, _and),
    "or": (1, _MANY, _or),
    "not": (1, 1, lambda value: not value),
    "eq": (2, _MANY, lambda first, *others: first in others),
    "ne": (2, 2, lambda left, right: left != right),
    "lt": (2, 2, lambda left, right: left < right),
    "le": (2, 2, lambda left, right: left <= right),
    "gt": (2, 2, lambda left, right: left > right),
    "ge": (2, 2, lambda left, right: left >= right),
    "index": (2, _MANY, _index),
    "slice": (1, 3, _slice),
    "len": (1, 1, len),
    "print": (1, _MANY, lambda *values: "".join(map(text_of, values))),
    "printf": (1, _MANY, _printf),
    # ExternalDNS's; `isSource` is the reader's.
    "contains": (2, 2, lambda text, part: part in text),
    "fromJson": (1, 1, _from_json),
    "hasKey": (2, 2, lambda values, key: key in values),
    "isIPv4": (1, 1, _is_address(4)),
    "isIPv6": (1, 1, _is_address(6)),
    "replace": (3, 3, lambda old, new, text: text.replace(old, new)),
    "toLower": (1, 1, lambda text: text.lower()),
    "trim": (1, 1, lambda text: text.strip()),
    "trimPrefix": (2, 2, lambda text, prefix: text.removeprefix(prefix)),
    "trimSuffix": (2, 2, lambda text, suffix: text.removesuffix(suffix)),
}
"""By name: the least and most number of arguments, and what it does."""
