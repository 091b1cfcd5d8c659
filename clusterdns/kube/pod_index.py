"""Which pod a client address belongs to: the first step of autopath, from query source to namespace.

    pod store -> here; query's client address -> pod -> namespace -> search list

An address is not a pod's name. It is reused, in large clusters within seconds, and the new owner is often seen before
the old one is gone; so every claim is kept, and the best one answers (coredns#2842, #3765). A pod on the host's
network has its node's address, which says nothing about who asks (coredns#7120).
"""

from __future__ import annotations

from clusterdns.kube.objects import Pod
from clusterdns.kube.store import Store


class PodIndex:
    """The pods of one store by address; it follows the store from its making on."""

    def __init__(self, pods: Store[Pod]) -> None:
        # Address to claimants, best first. Nearly always there is just one.
        self._claims: dict[str, tuple[Pod, ...]] = {}
        pods.subscribe(self._changed)

    def __len__(self) -> int:
        """How many addresses have an owner."""
        return len(self._claims)

    def pod_at(self, address: str) -> Pod | None:
        """The pod that owns `address` (canonical text, IPv4 or IPv6), or None: then the client is not known."""
        claims = self._claims.get(address)
        return claims[0] if claims else None

    def _changed(self, old: Pod | None, new: Pod | None) -> None:
        before, after = _claimed(old), _claimed(new)
        for address in {*before, *after}:
            claims = [pod for pod in self._claims.get(address, ()) if pod is not old]
            if new is not None and address in after:
                claims.append(new)
            if claims:
                self._claims[address] = tuple(sorted(claims, key=_precedence, reverse=True))
            else:
                self._claims.pop(address, None)


def _claimed(pod: Pod | None) -> tuple[str, ...]:
    """The addresses from which this pod, and nobody else, may be asking. A finished pod's is free for another."""
    if pod is None or pod.host_network or pod.finished:
        return ()
    return pod.ips


def _precedence(pod: Pod) -> tuple[bool, bool, str, str]:
    """Greater wins: a pod that stays over one that goes, one that runs over one that starts, then the later start.

    `started` is RFC 3339 in UTC with whole seconds, so text compares as time; the uid makes the last tie stable.
    """
    return (not pod.terminating, pod.phase == "Running", pod.started, pod.uid)
