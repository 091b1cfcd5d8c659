"""CRD source: the records in DNSEndpoint objects, as they are meant. Semantics: ExternalDNS v0.22, source/crd.go.

No annotation names or steers them but `controller` and `shared`: the property `record-type` stands for the annotation
of that name. One without targets has the default targets, if there are any. Labels of the object's records are not
ours. Reads a store; no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from clusterdns.kube.objects import DNSEndpoint
from clusterdns.kube.store import Cluster
from externaldns.record import PTR_LABEL, RESOURCE_LABEL, SHARED_LABEL, Endpoint, normalize_name
from externaldns.sources.objects import ObjectSource
from externaldns.sources.selection import Selection


class CrdSource(ObjectSource[DNSEndpoint]):
    """Makes endpoints from the DNSEndpoints of `cluster`."""

    name = "crd"

    def __init__(self, cluster: Cluster, selection: Selection | None = None) -> None:
        super().__init__(cluster.dns_endpoints, selection or Selection())

    def _make(self, asking: DNSEndpoint) -> Iterable[Endpoint]:
        labels = {RESOURCE_LABEL: f"crd/{asking.namespace}/{asking.name}"}
        if self._selection.annotations(asking).switch("shared"):
            labels[SHARED_LABEL] = "true"
        for each in asking.record_sets:
            properties = dict(each.provider_specific)
            asked = properties.pop("record-type", None)
            endpoint = Endpoint(
                normalize_name(each.dns_name),
                tuple(sorted(set(each.targets))),
                each.record_type.upper(),
                each.set_identifier,
                each.ttl or None,
                labels if asked is None else {**labels, PTR_LABEL: "true" if asked == "ptr" else "false"},
                properties,
            )
            # As in ExternalDNS, a CNAME of several targets is so many wishes for one name.
            if endpoint.record_type == "CNAME" and endpoint.targets:
                yield from (replace(endpoint, targets=(target,)) for target in endpoint.targets)
            else:
                yield endpoint
