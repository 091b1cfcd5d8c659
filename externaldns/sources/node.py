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
        resource, selection = f"node/{asking.name}", self._selection

        def named(name: str) -> Iterable[Endpoint]:
            return make_endpoints(((name, target) for target in targets), annotations, resource, chosen=bool(chosen))

        # Its own name stands where an annotation stands in other sources, but that templates replace it.
        templates = selection.template is not None or selection.pair_template is not None
        own = () if templates and not selection.combine_template else named(normalize_name(asking.name))
        yield from selection.combine(asking, own, named, resource)
