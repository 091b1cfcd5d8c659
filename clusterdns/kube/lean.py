"""What a DNS server keeps of an object: the few fields that its answers are made of.

    trimmed object ──► here ──► store of a lean cluster ──► indexes        (manifests: `claim_of` ...)
       raw object ──► here ──┘                                            (API servers: `claim_from` ...)

In a large cluster there are 150,000 pods and as many endpoints, and the API server changes them all the time in ways
that no answer shows. So what it sends becomes what is kept in one step. Pure.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from clusterdns.kube.addresses import pack
from clusterdns.kube.objects import FINISHED, DnsSettings, Endpoint, EndpointPort, EndpointSlice, Pod, PodClaim, Service
from clusterdns.kube.raw import RawEndpoint, RawEndpointSlice, RawPod, RawPodSpec, RawPodStatus, RawService
from clusterdns.kube.trim import (
    Note,
    canonical_addresses,
    endpoints_in,
    is_ready,
    pod_addresses,
    pod_dns,
    slice_ports,
    slice_purpose,
    trim_service,
    unix_seconds,
)

OWN_ANNOTATIONS = "clusterdns.io/"
"""Annotations of pods that start so are kept: they are for this suite."""

# Services of one kind have the same ports; so a few tuples serve for all slices.
_PORTS = 4096

_NOTHING: dict[str, str] = {}


class Form(NamedTuple):
    """How a store keeps objects: what it makes of trimmed ones, and of raw ones. Both ways come to the same."""

    of: Callable[[Any], Any]
    from_raw: Callable[[Any, Note], Any]


_NO_POD_SPEC = RawPodSpec()
_NO_POD_STATUS = RawPodStatus()


def claim_of(pod: Pod) -> PodClaim:
    """A pod as a client that may ask from its addresses. One that can't be told by them has none."""
    return _claim(
        pod.name,
        pod.namespace,
        pod.ips if _is_told_by_address(pod.phase, pod.host_network) else (),
        pod.started,
        pod.phase,
        pod.terminating,
        pod.annotations,
        _dns_settings(pod.dns_policy, pod.dns_searches, pod.dns_ndots),
    )


def claim_from(raw: RawPod, note: Note) -> PodClaim:
    """The same from what an API server sends."""
    meta, spec, status = raw.metadata, raw.spec or _NO_POD_SPEC, raw.status or _NO_POD_STATUS
    phase = status.phase or ""
    return _claim(
        meta.name,
        meta.namespace or "",
        pod_addresses(raw, note) if _is_told_by_address(phase, spec.host_network or False) else (),
        status.started or "",
        phase,
        meta.deleted is not None,
        meta.annotations or {},
        _dns_settings(**pod_dns(spec, note)),
    )


def _is_told_by_address(phase: str, host_network: bool) -> bool:
    """A pod on the host's network has its node's address, which says nothing about who asks (coredns#7120); a finished
    pod's address is free for another.
    """
    return not host_network and phase not in FINISHED


def _claim(
    name: str,
    namespace: str,
    addresses: Iterable[str],
    started: str,
    phase: str,
    terminating: bool,
    annotations: dict[str, str],
    dns: DnsSettings | None,
) -> PodClaim:
    v4 = v6 = b""
    for address in addresses:
        packed = pack(address) or b""
        if len(packed) == 4:
            v4 = v4 or packed
        else:
            v6 = v6 or packed
    return PodClaim(
        name=name,
        namespace=sys.intern(namespace),
        v4=v4,
        v6=v6,
        started=int(unix_seconds(started)),
        running=phase == "Running",
        terminating=terminating,
        annotations=tuple([pair for pair in annotations.items() if pair[0].startswith(OWN_ANNOTATIONS)]),
        dns=dns,
    )


def _dns_settings(dns_policy: str, dns_searches: tuple[str, ...], dns_ndots: int | None) -> DnsSettings | None:
    usual = dns_policy in ("ClusterFirst", "ClusterFirstWithHostNet")
    if usual and not dns_searches and dns_ndots is None:
        return None
    return DnsSettings(dns_policy, dns_searches, dns_ndots)


def names_of(service: Service) -> Service:
    """A Service without what only its owner reads."""
    return msgspec.structs.replace(
        service,
        namespace=sys.intern(service.namespace),
        uid="",
        resource_version="",
        labels=_NOTHING,
        annotations=_NOTHING,
        selector=_NOTHING,
        created="",
    )


def names_from(raw: RawService, note: Note) -> Service:
    """The same from what an API server sends."""
    return names_of(trim_service(raw, note))


CLAIMS = Form(claim_of, claim_from)
NAMES = Form(names_of, names_from)


def ready_endpoints(pod_names: bool) -> Form:
    """Slices of ready endpoints, which have the names of their pods only if `pod_names`."""
    return Form(_endpoints_of(pod_names), _endpoints_from(pod_names))


def _endpoints_of(pod_names: bool) -> Callable[[EndpointSlice], EndpointSlice]:
    def lean(each: EndpointSlice) -> EndpointSlice:
        return msgspec.structs.replace(
            each,
            namespace=sys.intern(each.namespace),
            address_type=sys.intern(each.address_type),
            uid="",
            resource_version="",
            labels=_NOTHING,
            annotations=_NOTHING,
            endpoints=tuple(_endpoint(endpoint, pod_names) for endpoint in each.endpoints if endpoint.ready),
            ports=_shared(each.ports),
        )

    return lean


def _endpoint(endpoint: Endpoint, pod_names: bool) -> Endpoint:
    return Endpoint(
        endpoint.addresses,
        endpoint.hostname,
        target_kind=sys.intern(endpoint.target_kind) if pod_names else "",
        target_name=endpoint.target_name if pod_names else "",
        zone=sys.intern(endpoint.zone),
    )


def _endpoints_from(pod_names: bool) -> Callable[[RawEndpointSlice, Note], EndpointSlice]:
    def lean(raw: RawEndpointSlice, note: Note) -> EndpointSlice:
        purpose = slice_purpose(raw)
        purpose["address_type"] = sys.intern(purpose["address_type"])
        return EndpointSlice(
            name=raw.metadata.name,
            namespace=sys.intern(raw.metadata.namespace or ""),
            **purpose,
            endpoints=tuple([_endpoint_from(each, pod_names, note) for each in endpoints_in(raw) if is_ready(each)]),
            ports=_shared(slice_ports(raw)),
        )

    return lean


def _endpoint_from(raw: RawEndpoint, pod_names: bool, note: Note) -> Endpoint:
    target = raw.target if pod_names else None
    return Endpoint(
        canonical_addresses(raw.addresses or (), "endpoints.addresses", note),
        raw.hostname or "",
        target_kind=sys.intern(target.kind or "") if target else "",
        target_name=(target.name or "") if target else "",
        zone=sys.intern(raw.zone or ""),
    )


@functools.lru_cache(_PORTS)
def _shared(ports: tuple[EndpointPort, ...]) -> tuple[EndpointPort, ...]:
    return ports
