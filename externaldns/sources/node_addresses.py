"""The addresses of nodes that records point at. Source: ExternalDNS v0.22, source/service.go, node.go."""

from __future__ import annotations

from collections.abc import Iterable

from clusterdns.kube.objects import KubeObject, Node


def of_type(node: Node, kind: str) -> tuple[str, ...]:
    """Return the addresses of that kind: `ExternalIP` or `InternalIP`."""
    return tuple(address for its_kind, address in node.addresses if its_kind == kind)


def reachable(nodes: Iterable[Node], access: str = "", *, internal_ipv6: bool = False) -> tuple[str, ...]:
    """Return the addresses of `nodes` for the annotation `access`: `public`, `private`, or external ones if any.

    Internal addresses of IPv6 may well be reachable from everywhere: `internal_ipv6` puts them beside external ones.
    """
    nodes = tuple(nodes)
    external = tuple(address for node in nodes for address in of_type(node, "ExternalIP"))
    internal = tuple(address for node in nodes for address in of_type(node, "InternalIP"))
    if access == "private" or (access != "public" and not external):
        return internal
    return (*external, *(address for address in internal if internal_ipv6 and ":" in address))


def differ(old: KubeObject | None, new: KubeObject | None) -> bool:
    """Tell whether the change of a node is one that a record of other objects could show.

    A node writes its status all the time, and network plugins their annotations.
    """
    if not (isinstance(old, Node) and isinstance(new, Node)):
        return True
    return (old.addresses, old.unschedulable) != (new.addresses, new.unschedulable)
