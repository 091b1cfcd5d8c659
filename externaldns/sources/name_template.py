"""--fqdn-template: the names that objects get without an annotation.

The template's text is read once, and checked against the kinds of objects that it is for: a field that they do not have
would otherwise be found out much later, by records that are missing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from clusterdns.errors import ConfigError
from clusterdns.kube.objects import KubeObject
from externaldns.record import normalize_name
from externaldns.sources import go_template
from externaldns.sources.go_template import GoTemplate, TemplateError
from externaldns.sources.template_fields import OPEN_FIELDS, fields_of, known_fields

logger = logging.getLogger(__name__)

_FLAG = "--fqdn-template"


def read_template(text: str, kinds: Iterable[str]) -> GoTemplate:
    """Read the flag's text; ConfigError says what is wrong with it, or which kind has no such field."""
    try:
        template = go_template.parse(text)
    except TemplateError as error:
        raise ConfigError(str(error), source=_FLAG) from None
    for kind in kinds:
        for path in sorted(template.fields):
            _check(known_fields(kind), path, kind)
    return template


def names_of(template: GoTemplate, kind: str) -> Callable[[KubeObject], tuple[str, ...]]:
    """Return what gives the names of an object of that kind: the template's text, cut at commas.

    An object for which the text can't be made is told, and has none.
    """

    def names(asking: KubeObject) -> tuple[str, ...]:
        try:
            text = template.render(fields_of(kind, asking))
        except (TemplateError, TypeError, AttributeError) as error:
            # A function that got a list where it takes a text, for one: the template is wrong for this object.
            where = "/".join(part for part in (kind.lower(), asking.namespace, asking.name) if part)
            logger.error("%s: no names by %s: %s", where, _FLAG, error)
            return ()
        parts = (normalize_name(part) for part in text.split(","))
        return tuple(dict.fromkeys(part for part in parts if part))

    return names


def _check(known: Mapping[str, Any], path: str, kind: str) -> None:
    value: Any = known
    for part in path.split("."):
        if part not in value:
            there = ", ".join(f".{name}" for name in value)
            raise ConfigError(f".{path}: {kind} has no field {part} here; there are {there}", source=_FLAG)
        value = value[part]
        if part in OPEN_FIELDS or not isinstance(value, Mapping):
            return
