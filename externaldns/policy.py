"""Policies: filters over the changes of a plan (`--policy`). No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from externaldns.changes import Changes
from externaldns.record import Endpoint

Policy = Callable[[Changes], Changes]


def sync(changes: Changes) -> Changes:
    """Everything: records are created, changed and deleted."""
    return changes


def upsert_only(changes: Changes) -> Changes:
    """Nothing is ever deleted."""
    return Changes(create=_possible_beside(changes.delete, changes.create), update=changes.update)


def create_only(changes: Changes) -> Changes:
    """Records are only added; what exists is never changed or deleted."""
    return Changes(create=_possible_beside(changes.delete, changes.create))


def _possible_beside(staying: Iterable[Endpoint], create: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """Return what of `create` can exist beside records that were to be deleted and now stay.

    RFC 1034 section 3.6.2: a CNAME has no other data beside it. The DNS service would refuse, in every run anew.
    """
    names = {(old.dns_name, old.record_type == "CNAME") for old in staying}
    return tuple(new for new in create if (new.dns_name, new.record_type != "CNAME") not in names)


POLICIES: dict[str, Policy] = {"sync": sync, "upsert-only": upsert_only, "create-only": create_only}
"""The policies by the name that `--policy` gives them."""
