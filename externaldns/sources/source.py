"""What a source is, and how the endpoints of several become one list. No I/O, no clock.

Source modules make endpoints straight from objects; `collect` shapes them, drops those that can't be DNS records, and
merges those that share a name. The result is what the plan calls "desired". `externaldns.sources.wanted` keeps the same
up to date, change by change.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from clusterdns.kube.objects import Key, KubeObject
from clusterdns.kube.store import Store
from externaldns.record import Endpoint, RecordKey, find_fault
from externaldns.sources.shaping import Shaping

logger = logging.getLogger(__name__)


class Source(Protocol):
    """One kind of object that records are made from."""

    @property
    def name(self) -> str:
        """The name that --source gives it."""

    @property
    def stores(self) -> tuple[Store[Any], ...]:
        """The stores it reads; all must be synced before anything it says is true. The first has the objects that
        ask for records, the others what their records are made of.
        """

    def endpoints(self) -> list[Endpoint]:
        """Return what the objects ask for now, possibly several times for one name; of one for which a template can't
        be made, the log says that.
        """

    def endpoints_of(self, key: Key) -> list[Endpoint]:
        """Return what the object with that key asks for now; nothing if there is no such object (any more).
        TemplateError if a template can't be made for it.
        """

    def concerned(self, kind: str, old: KubeObject | None, new: KubeObject | None) -> Iterable[Key]:
        """Return the keys of the objects that may ask for something else now that a store of `kind` has changed so.

        Together with `endpoints_of` it makes a change cost what it touches, not what there is. Call it after the store
        has changed, as a listener does; too many keys are no error, one too few is.
        """

    def made_of(self, kind: str, key: Key) -> Iterable[Key]:
        """Return the keys of the objects whose records may be made of the object of `kind` with that key, which is in
        one of the other stores, and can't be read.
        """


@dataclass(frozen=True, slots=True)
class Collected:
    """The endpoints of all sources, sorted by key.

    `duplicates` say nothing that another does not, as (source, endpoint).
    """

    endpoints: tuple[Endpoint, ...]
    duplicates: tuple[tuple[str, Endpoint], ...] = ()


@dataclass(frozen=True, slots=True)
class Merged:
    """The endpoints of one source, each name and type once."""

    endpoints: tuple[Endpoint, ...]
    duplicates: tuple[Endpoint, ...]


def collect(sources: Iterable[Source], shaping: Shaping | None = None) -> Collected:
    """Return what all `sources` ask for now; the log tells what can't be a DNS record."""
    endpoints: list[Endpoint] = []
    duplicates: list[tuple[str, Endpoint]] = []
    for source in sources:
        shaped = (shaping or Shaping()).shape(source.endpoints())
        merged = merge(endpoint for endpoint in shaped if not _told_fault(endpoint))
        endpoints += merged.endpoints
        duplicates += ((source.name, endpoint) for endpoint in merged.duplicates)
    return Collected(tuple(sorted(endpoints, key=order)), tuple(duplicates))


def _told_fault(endpoint: Endpoint) -> bool:
    """Log why `endpoint` can't be a DNS record and return True; False if it can."""
    fault = find_fault(endpoint)
    if fault is not None:
        logger.error("%s asks for %s %s: %s", endpoint.resource, endpoint.dns_name, endpoint.record_type, fault)
    return fault is not None


def order(endpoint: Endpoint) -> tuple[RecordKey, str]:
    """Return the sort key of wanted records."""
    return endpoint.key, endpoint.resource


def merge(endpoints: Iterable[Endpoint]) -> Merged:
    """Join the targets of endpoints of one name and type; TTL and labels are those of the least resource.

    So a record keeps its `resource` label, and its ownership record, while objects come and go behind it. CNAMEs
    stay apart, because a name has only one (RFC 1034 section 3.6.2): the plan chooses.
    """
    merged: dict[tuple[RecordKey, tuple[str, ...]], Endpoint] = {}
    duplicates: list[Endpoint] = []
    for endpoint in sorted(endpoints, key=lambda endpoint: endpoint.resource):
        apart = endpoint.targets if endpoint.record_type == "CNAME" else ()
        first = merged.setdefault((endpoint.key, apart), endpoint)
        if first is endpoint:
            continue
        if set(endpoint.targets) <= set(first.targets):
            duplicates.append(endpoint)
        else:
            targets = tuple(sorted({*first.targets, *endpoint.targets}))
            merged[endpoint.key, apart] = replace(first, targets=targets)
    return Merged(tuple(merged.values()), tuple(duplicates))
