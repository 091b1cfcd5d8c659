"""Objects and their records in short forms, for the tests of all sources."""

from __future__ import annotations

from collections.abc import Iterable

from externaldns.record import Endpoint
from externaldns.sources.source import Source

GA = "external-dns.kubernetes.io/"
NAME = "web.ex.com"


def annotated(**values: str) -> dict[str, str]:
    """Annotations with the newer prefix; `_` in a name stands for `-`."""
    return {GA + name.replace("_", "-"): value for name, value in values.items()}


def shown(endpoints: Iterable[Endpoint]) -> set[str]:
    """Each record as `NAME TYPE TARGET,TARGET`."""
    return {f"{record.dns_name} {record.record_type} {','.join(record.targets)}" for record in endpoints}


def records(source: Source) -> set[str]:
    return shown(source.endpoints())
