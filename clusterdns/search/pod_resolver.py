"""What a pod's resolver searches: the list and the `ndots` that the kubelet wrote into its resolv.conf. No I/O.

    pod's dnsPolicy, dnsConfig, namespace + host's resolv.conf + cluster domain -> search list, ndots -> walk

Source: Kubernetes documentation, "DNS for Services and Pods" (pod's DNS policy, pod's DNS config, search domain list
limits), and resolv.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from clusterdns.wire.names import MAX_LABEL, name_from_text, name_to_text

CLUSTER_NDOTS = 5
"""What the kubelet writes for the cluster's policies."""
RESOLVER_NDOTS = 1
"""What a resolver takes where nobody says anything: resolv.conf(5)."""
# "Kubernetes supports up to 32 search domains and a total length of all of them of 2048 characters."
_MOST_DOMAINS = 32
_MOST_CHARACTERS = 2048


class SearchRules(NamedTuple):
    """`search` are folded wire names in order; a name with fewer dots than `ndots` is searched before it is asked."""

    search: tuple[bytes, ...]
    ndots: int


NO_HOST = SearchRules((), RESOLVER_NDOTS)
"""A node whose resolver searches nothing."""


class PodDns(NamedTuple):
    """What a pod says of its DNS; `searches` and `ndots` are those of its dnsConfig, `policy` its dnsPolicy."""

    namespace: str
    policy: str = "ClusterFirst"
    host_network: bool = False
    searches: Sequence[str] = ()
    ndots: int | None = None


def rules_of(pod: PodDns, zone: bytes, host: SearchRules) -> SearchRules:
    """The rules that the pod's resolver follows. `zone` is the cluster domain, `host` what the node's resolver follows.

    An unknown policy is taken for the default one, as is a namespace that is no label for one without domains of its
    own: such pods do not exist, except in manifests.
    """
    policy = pod.policy
    # "Pods running with hostNetwork ... and ClusterFirst will fall back to the behavior of the Default policy."
    if policy == "Default" or (policy == "ClusterFirst" and pod.host_network):
        domains, ndots = host
    elif policy == "None":
        domains, ndots = (), RESOLVER_NDOTS
    else:
        domains, ndots = (*_cluster_domains(pod.namespace, zone), *host.search), CLUSTER_NDOTS
    # "The search domains will be merged into the base search domain names ... duplicate domains are removed."
    merged = dict.fromkeys((*domains, *_names(pod.searches)))
    return SearchRules(_within_limits(merged), ndots if pod.ndots is None else pod.ndots)


def _cluster_domains(namespace: str, zone: bytes) -> tuple[bytes, ...]:
    services = b"\x03svc" + zone
    label = namespace.lower().encode()
    if not 1 <= len(label) <= MAX_LABEL:
        return services, zone
    return bytes((len(label),)) + label + services, services, zone


def _names(domains: Iterable[str]) -> Iterable[bytes]:
    for domain in domains:
        try:
            yield name_from_text(domain).lower()
        except ValueError:
            continue  # no resolver can ask for it either


def _within_limits(domains: Iterable[bytes]) -> tuple[bytes, ...]:
    """The first of them, as many as the kubelet writes; characters are counted with the blanks in between."""
    kept: list[bytes] = []
    characters = -1
    for domain in domains:
        characters += 1 + len(name_to_text(domain).removesuffix(".") or ".")
        if len(kept) == _MOST_DOMAINS or characters > _MOST_CHARACTERS:
            break
        kept.append(domain)
    return tuple(kept)
