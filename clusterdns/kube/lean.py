"""What a DNS server keeps of an object: the few fields that its answers are made of.

    trimmed object ──► here ──► store of a lean cluster ──► indexes

In a large cluster there are 150,000 pods and as many endpoints, and the API server changes them all the time in ways
that no answer shows. Pure.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

import msgspec

from clusterdns.kube.addresses import pack
from clusterdns.kube.objects import DnsSettings, Endpoint, EndpointPort, EndpointSlice, Pod, PodClaim, Service
from clusterdns.kube.trim import unix_seconds

OWN_ANNOTATIONS = "clusterdns.io/"
"""Annotations of pods that start so are kept: they are for this suite."""

# Services of one kind have the same ports; so a few tuples serve for all slices.
_PORTS = 4096

_NOTHING: dict[str, str] = {}


def claim_of(pod: Pod) -> PodClaim:
    """A pod as a client that may ask from its addresses. One that can't be told by them has none.

    A pod on the host's network has its node's address, which says nothing about who asks (coredns#7120); a finished
    pod's address is free for another.
    """
    v4 = v6 = b""
    if not pod.host_network and not pod.finished:
        for address in pod.ips:
            packed = pack(address) or b""
            if len(packed) == 4:
                v4 = v4 or packed
            else:
                v6 = v6 or packed
    return PodClaim(
        name=pod.name,
        namespace=sys.intern(pod.namespace),
        v4=v4,
        v6=v6,
        started=int(unix_seconds(pod.started)),
        running=pod.phase == "Running",
        terminating=pod.terminating,
        annotations=tuple(pair for pair in pod.annotations.items() if pair[0].startswith(OWN_ANNOTATIONS)),
        dns=_dns_of(pod),
    )


def _dns_of(pod: Pod) -> DnsSettings | None:
    usual = pod.dns_policy in ("ClusterFirst", "ClusterFirstWithHostNet")
    if usual and not pod.dns_searches and pod.dns_ndots is None:
        return None
    return DnsSettings(pod.dns_policy, pod.dns_searches, pod.dns_ndots)


def names_of(service: Service) -> Service:
    """A Service without what only its owner reads."""
    return msgspec.structs.replace(
        service,
        namespace=sys.intern(service.namespace),
        uid="",
        resource_version="",
        labels=_NOTHING,
        annotations=_NOTHING,
        created="",
    )


def endpoints_of(pod_names: bool) -> Callable[[EndpointSlice], EndpointSlice]:
    """Makes a slice of its ready endpoints; those have the names of their pods only if `pod_names`."""

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


@functools.lru_cache(_PORTS)
def _shared(ports: tuple[EndpointPort, ...]) -> tuple[EndpointPort, ...]:
    return ports
