"""Who wins when several objects claim one name: the rules are ExternalDNS's (plan/conflict.go, "per resource").

Used by `externaldns.plan` on the candidates of one row. No I/O, no clock.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from externaldns.record import Endpoint
from externaldns.resource_label import is_about


def choose_for_create(candidates: Sequence[Endpoint]) -> Endpoint:
    """Return the candidate that a record set that does not exist yet is made from: the least one (see `rank`)."""
    return min(candidates, key=rank)


def choose_for_update(current: Endpoint, candidates: Sequence[Endpoint]) -> Endpoint:
    """Return the candidate that `current` is to become.

    The object that made the record keeps it as long as it claims the name, so that a newcomer never takes a name
    over; only when that object is gone, the least candidate inherits.
    """
    for candidate in sorted(candidates, key=rank):
        if is_about(current.resource, candidate.resource):
            return candidate
    return choose_for_create(candidates)


def drop_conflicting_types(candidates: Sequence[Endpoint]) -> list[Endpoint]:
    """Return `candidates` without the CNAMEs if there are other types among them.

    RFC 1034 section 3.6.2: "If a CNAME RR is present at a node, no other data should be present".
    """
    others = [candidate for candidate in candidates if candidate.record_type != "CNAME"]
    return others or list(candidates)


def rank(endpoint: Endpoint) -> tuple[Any, ...]:
    """Return the sort key of a candidate: fewer targets first, then the lesser targets, then the lesser resource.

    Among targets an address comes before a name, and addresses are compared as numbers. Resource, TTL and all
    else make the order total: candidates with equal targets must not take turns.
    """
    targets = sorted(_rank_target(target) for target in endpoint.targets)
    rest = (sorted(endpoint.labels.items()), sorted(endpoint.provider_specific.items()))
    return len(targets), targets, endpoint.resource, endpoint.ttl or 0, endpoint.targets, *rest


def _rank_target(target: str) -> tuple[int, int, str]:
    try:
        address = ipaddress.ip_address(target)
    except ValueError:
        return (9, 0, target)
    return (address.version, int(address), "")
