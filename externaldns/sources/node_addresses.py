"""The addresses of nodes that records point at. Source: ExternalDNS v0.22, source/service.go, node.go."""

from __future__ import annotations

from collections.abc import Iterable

from clusterdns.kube.objects import KubeObject, Node


def of_type(node: Node, kind: str) -> tuple[str, ...]:
    """Return the addresses of that kind: `ExternalIP` or `InternalIP`."""
    return tuple(address for its_kind, address in node.addresses if its_kind == kind)


def reachable(nodes: Iterable[Node], access: str = "", *, internal_ipv6: bool = False) -> tuple[str, ...]:
    """Return the addresses of `nodes` for the annotation `access`: `public`, `private`, or external ones if any.

    Internal addresses of IPv6 may well be reachable from everywhere: `internal_ipv6` counts them as external.
    """
    external: list[str] = []
    internal: list[str] = []
    for node in nodes:
        external += of_type(node, "ExternalIP")
        internal += of_type(node, "InternalIP")
    if internal_ipv6:
        external += [address for address in internal if ":" in address]
    if access == "public":
        return tuple(external)
    if access == "private":
        return tuple(internal)
    return tuple(external or internal)


def differ(old: KubeObject | None, new: KubeObject | None) -> bool:
    """Tell whether the change of a node is one that a record could show. A node writes its status all the time."""
    if not (isinstance(old, Node) and isinstance(new, Node)):
        return True
    return (old.addresses, old.unschedulable, old.ready, old.labels, old.annotations) != (
        new.addresses,
        new.unschedulable,
        new.ready,
        new.labels,
        new.annotations,
    )
