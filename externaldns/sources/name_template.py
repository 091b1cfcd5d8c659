"""--fqdn-template, --target-template and --fqdn-target-template: names and targets that objects get without annotation.

A template's text is read once, and checked against the kinds of objects that it is for: a field that they do not have
would otherwise be found out much later, by records that are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from clusterdns.errors import ConfigError
from clusterdns.kube.objects import KubeObject
from externaldns.record import normalize_name
from externaldns.sources import go_template
from externaldns.sources.go_template import GoTemplate
from externaldns.sources.go_template_functions import TemplateError
from externaldns.sources.template_fields import OPEN_FIELDS, fields_of, known_fields

NAMES, TARGETS, PAIRS = "--fqdn-template", "--target-template", "--fqdn-target-template"
"""The flags, each with what its template makes: names, targets, or `NAME:TARGET`, with commas between them."""

Texts = Callable[[KubeObject], tuple[str, ...]]


def read_template(text: str, kinds: Iterable[str], flag: str = NAMES) -> GoTemplate:
    """Read the text of `flag`; ConfigError says what is wrong with it, or which kind has no such field.

    Of the kind "" nobody knows what fields it has.
    """
    try:
        template = go_template.parse(text)
    except TemplateError as error:
        raise ConfigError(str(error), source=flag) from None
    kinds = tuple(kinds)
    listed = [kind for kind in kinds if kind]
    faults: dict[str, list[ConfigError]] = {}
    for kind in listed:
        for path in sorted(template.fields):
            try:
                _check(known_fields(kind), path, kind, flag)
            except ConfigError as error:
                faults.setdefault(path, []).append(error)
    for found in faults.values():
        # A template that asks for the kind may well say something of one kind only.
        if not template.distinguishes or len(found) == len(kinds):
            raise found[0]
    return template


def names_of(template: GoTemplate, kind: str, source: str = "") -> Texts:
    """Return what gives the names of an object of that kind: the template's text, cut at commas.

    `source` is the value of --source that asks. What is returned raises TemplateError for an object for which the text
    can't be made: which names that stands for nobody knows.
    """
    texts = _texts_of(template, kind, source, NAMES)
    return lambda asking: _once(normalize_name(part) for part in texts(asking))


def targets_of(template: GoTemplate, kind: str, source: str = "") -> Texts:
    """Return what gives the targets of an object of that kind, as `names_of` does for names."""
    texts = _texts_of(template, kind, source, TARGETS)
    return lambda asking: _once(part.removesuffix(".") for part in texts(asking))


def pairs_of(template: GoTemplate, kind: str, source: str = "") -> Callable[[KubeObject], tuple[tuple[str, str], ...]]:
    """Return what gives (name, target) pairs of an object of that kind: each is `NAME:TARGET`, cut at the first colon.

    Where one of the two is empty the object is not that far yet.
    """
    texts = _texts_of(template, kind, source, PAIRS)

    def pairs(asking: KubeObject) -> tuple[tuple[str, str], ...]:
        cut = (part.partition(":") for part in texts(asking))
        found = ((normalize_name(name), target.strip().removesuffix(".")) for name, _, target in cut)
        return tuple(dict.fromkeys((name, target) for name, target in found if name and target))

    return pairs


def _texts_of(template: GoTemplate, kind: str, source: str, flag: str) -> Texts:
    def texts(asking: KubeObject) -> tuple[str, ...]:
        try:
            text = template.render(fields_of(kind, asking), source)
        except (TemplateError, TypeError, AttributeError, ValueError) as error:
            # A function that got a list where it takes a text, for one: the template is wrong for this object.
            raise TemplateError(f"{flag} can't be made: {error}") from None
        return _once(part.strip() for part in text.split(","))

    return texts


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


def _check(known: Mapping[str, Any], path: str, kind: str, flag: str) -> None:
    value: Any = known
    for part in path.split("."):
        if part not in value:
            there = ", ".join(f".{name}" for name in value)
            raise ConfigError(f".{path}: {kind} has no field {part} here; there are {there}", source=flag)
        value = value[part]
        if part in OPEN_FIELDS or not isinstance(value, Mapping):
            return
