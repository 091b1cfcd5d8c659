"""Which names can exist in a cluster's zone at all: a walk need not ask for the others. No I/O.

Source: Kubernetes DNS specification 1.1.0, and what CoreDNS has besides (endpoints of multi-cluster Services, topology
zones). Below `<zone>` there are `dns-version`, `ns.dns`, and:

    <service>.<namespace>.svc       in front of it an endpoint, _<port>._<protocol>, or <endpoint>.<cluster>
    <address>.<namespace>.pod
"""

from __future__ import annotations

from collections.abc import Callable

from clusterdns.wire.names import is_at_or_below, labels

_MOST_LABELS = {b"svc": 4, b"pod": 2}
"""How many labels stand in front of these at most."""
_TOPOLOGY = b"_zone"
"""<topology zone>.(pin|prefer)._zone.<service>.<namespace>.svc has one more."""


def can_exist(folded: bytes, zone: bytes, has_namespace: Callable[[str], bool]) -> bool:
    """Whether a folded wire name may be one of the zone's, as far as it is below `zone`; others always may.

    `has_namespace` says whether a namespace exists; True also if nobody knows.
    """
    if not is_at_or_below(folded, zone):
        return True
    *front, kind = labels(folded[: len(folded) - len(zone)] + b"\0") or [b""]
    if kind not in _MOST_LABELS:
        return not kind or (kind, *front) in ((b"dns-version",), (b"dns",), (b"dns", b"ns"))
    most = _MOST_LABELS[kind] + (kind == b"svc" and _TOPOLOGY in front)
    if len(front) > most:
        return False
    return not front or has_namespace(front[-1].decode("latin-1"))
