"""Policies: filters over the changes of a plan (`--policy`). No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable

from externaldns.changes import Changes

Policy = Callable[[Changes], Changes]


def sync(changes: Changes) -> Changes:
    """Everything: records are created, changed and deleted."""
    return changes


def upsert_only(changes: Changes) -> Changes:
    """Nothing is ever deleted."""
    return Changes(create=changes.create, update=changes.update)


def create_only(changes: Changes) -> Changes:
    """Records are only added; what exists is never changed or deleted."""
    return Changes(create=changes.create)


POLICIES: dict[str, Policy] = {"sync": sync, "upsert-only": upsert_only, "create-only": create_only}
"""The policies by the name that `--policy` gives them."""
