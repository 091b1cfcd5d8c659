"""What objects ask for that can't be a record: told once for each object and name, until it changes.

    wanted records -> mistakes -> the log, and a failed change that never was, for those who are told of changes

No I/O, no clock.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from clusterdns.errors import ClusterDNSError
from externaldns.changes import ChangeResult, NameChange, RecordChange
from externaldns.record import UNRESOLVED_LABEL, Endpoint, find_fault

logger = logging.getLogger(__name__)


class NoRecord(ClusterDNSError):
    """What is asked for can't be a record: its object must be changed."""


class Mistakes:
    """Remembers what has been told."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], str] = {}
        """The faults, by object and name."""

    def news(self, invalid: Iterable[Endpoint]) -> list[ChangeResult]:
        """Return a failed change for each mistake among `invalid`, which are all there are, that is new."""
        together: dict[tuple[str, str], list[Endpoint]] = {}
        for endpoint in invalid:
            together.setdefault((endpoint.resource, endpoint.dns_name), []).append(endpoint)
        found: list[ChangeResult] = []
        told: dict[tuple[str, str], str] = {}
        for (resource, name), endpoints in sorted(together.items()):
            faults = sorted({": ".join(filter(None, (each.record_type, find_fault(each)))) for each in endpoints})
            words = told[resource, name] = "; ".join(faults)
            if self._told.get((resource, name)) == words:
                continue
            # Of a host that is not found the log tells already, once for all its Services.
            if not all(UNRESOLVED_LABEL in each.labels for each in endpoints):
                logger.error("%s%s %s; what there is stays", resource, f" asks for {name}" if name else ":", words)
            steps = tuple(RecordChange(None, endpoint) for endpoint in endpoints)
            found.append(ChangeResult(NameChange(name, steps), NoRecord(f"{words}; what there is stays")))
        self._told = told
        return found
