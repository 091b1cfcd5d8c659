"""From names and targets to endpoints: what every source does last. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from externaldns.record import (
    CHOSEN_LABEL,
    PTR_LABEL,
    RESOURCE_LABEL,
    SHARED_LABEL,
    Endpoint,
    suitable_type,
)
from externaldns.sources.annotations import Annotations


def make_endpoints(
    pairs: Iterable[tuple[str, str]],
    annotations: Annotations,
    resource: str,
    record_type: str = "",
    *,
    chosen: bool = False,
) -> Iterator[Endpoint]:
    """Make one endpoint of each name and type in the (name, target) pairs; the targets sorted, and once each.

    `annotations` are those of the object that asks; `resource` is its kind, namespace and name, such as
    `service/shop/web`. `record_type` "" leaves the type to each target. `chosen` targets are those of an annotation.
    """
    sets: dict[tuple[str, str], set[str]] = {}
    for name, target in pairs:
        sets.setdefault((name, record_type or suitable_type(target)), set()).add(target)
    if not sets:
        return
    ttl = annotations.ttl(resource)
    set_identifier = annotations.get("set-identifier") or ""
    provider_specific = annotations.provider_specific()
    labels = {RESOURCE_LABEL: resource}
    if annotations.switch("shared"):
        labels[SHARED_LABEL] = "true"
    if (asked := annotations.get("record-type")) is not None:
        labels[PTR_LABEL] = "true" if asked == "ptr" else "false"
    if chosen:
        labels[CHOSEN_LABEL] = "true"
    for (name, its_type), values in sorted(sets.items()):
        yield Endpoint(name, tuple(sorted(values)), its_type, set_identifier, ttl, labels, provider_specific)
