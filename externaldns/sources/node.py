"""Node source: a record for each node. Semantics: ExternalDNS v0.22, source/node.go.

The name is the node's, or what --fqdn-template makes of it; the targets are its external addresses, else its internal
ones. The annotations `target` and `ttl` count, `hostname` does not. Reads stores; no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clusterdns.kube.objects import Node
from clusterdns.kube.store import Cluster
from externaldns.record import Endpoint, normalize_name
from externaldns.sources import node_addresses
from externaldns.sources.making import make_endpoints
from externaldns.sources.objects import ObjectSource
from externaldns.sources.selection import Selection


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """The flags of the same names."""

    expose_internal_ipv6: bool = False
    exclude_unschedulable: bool = True


class NodeSource(ObjectSource[Node]):
    """Makes endpoints from the Nodes of `cluster`."""

    name = "node"

    def __init__(
        self, cluster: Cluster, selection: Selection | None = None, options: NodeOptions | None = None
    ) -> None:
        super().__init__(cluster.nodes, selection or Selection())
        self._options = options or NodeOptions()

    def _make(self, asking: Node) -> Iterable[Endpoint]:
        if asking.unschedulable and self._options.exclude_unschedulable:
            return
        annotations = self._selection.annotations(asking)
        chosen = annotations.targets()
        targets = chosen or node_addresses.reachable([asking], internal_ipv6=self._options.expose_internal_ipv6)
        template = self._selection.template
        names = template(asking) if template is not None else ()
        if template is None or self._selection.combine_template:
            names = (*names, normalize_name(asking.name))
        pairs = ((name, target) for name in names for target in targets)
        yield from make_endpoints(pairs, annotations, f"node/{asking.name}", chosen=bool(chosen))
