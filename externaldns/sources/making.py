"""From names and targets to endpoints: what every source does last. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from externaldns.record import PTR_LABEL, RESOURCE_LABEL, SHARED_LABEL, Endpoint, suitable_type
from externaldns.sources.annotations import Annotations


def make_endpoints(
    pairs: Iterable[tuple[str, str]], annotations: Annotations, resource: str, record_type: str = ""
) -> Iterator[Endpoint]:
    """Make one endpoint of each name and type in the (name, target) pairs; the targets sorted, and once each.

    `annotations` are those of the object that asks; `resource` is its kind, namespace and name, such as
    `service/shop/web`. `record_type` "" leaves the type to each target.
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
    if annotations.get("record-type") == "ptr":
        labels[PTR_LABEL] = "true"
    for (name, its_type), values in sorted(sets.items()):
        yield Endpoint(name, tuple(sorted(values)), its_type, set_identifier, ttl, labels, provider_specific)
