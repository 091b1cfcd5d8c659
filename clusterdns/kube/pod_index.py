"""Which pod a client address belongs to: the first step of autopath, from query source to namespace.

    store of claims -> here; query's client address -> claim -> namespace -> search list

An address is not a pod's name. It is reused, in large clusters within seconds, and the new owner is often seen before
the old one is gone; so every claim is kept, and the best one answers (coredns#2842, #3765). Both addresses of a
dual-stack pod count. A pod has one claim by its name, whatever its uid: no two pods have one name at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from clusterdns.kube.addresses import pack
from clusterdns.kube.objects import PodClaim
from clusterdns.kube.store import Store


class Pods(Protocol):
    """Who knows whose an address is."""

    def pod_at(self, address: str) -> PodClaim | None:
        """The pod that owns `address` (canonical text, IPv4 or IPv6), or None: then the client is not known."""


class PodIndex:
    """The claims of one store by address; it follows the store from its making on."""

    def __init__(self, pods: Store[PodClaim]) -> None:
        # Packed address to claims, best first. Nearly always there is just one, which then stands for itself.
        self._claims: dict[bytes, PodClaim | tuple[PodClaim, ...]] = {}
        self._listeners: list[Callable[[bytes], object]] = []
        pods.subscribe(self._changed)

    def __len__(self) -> int:
        """How many addresses have an owner."""
        return len(self._claims)

    def subscribe(self, listener: Callable[[bytes], object]) -> None:
        """Call `listener` with each packed address for which a claim comes, changes or goes, from now on."""
        self._listeners.append(listener)

    def pod_at(self, address: str) -> PodClaim | None:
        """The pod that owns `address` (canonical text, IPv4 or IPv6), or None: then the client is not known."""
        packed = pack(address)
        return self.owner_of(packed) if packed is not None else None

    def owner_of(self, packed: bytes) -> PodClaim | None:
        """The same for a packed address."""
        claims = self._claims.get(packed)
        return claims[0] if isinstance(claims, tuple) else claims

    def _changed(self, old: PodClaim | None, new: PodClaim | None) -> None:
        before, after = _addresses(old), _addresses(new)
        for address in before | after:
            found = self._claims.get(address, ())
            claims = [each for each in (found if isinstance(found, tuple) else (found,)) if each is not old]
            if new is not None and address in after:
                claims.append(new)
            if len(claims) > 1:
                self._claims[address] = tuple(sorted(claims, key=_precedence, reverse=True))
            elif claims:
                self._claims[address] = claims[0]
            else:
                self._claims.pop(address, None)
            for listener in self._listeners:
                listener(address)


def _addresses(claim: PodClaim | None) -> set[bytes]:
    return set() if claim is None else {address for address in (claim.v4, claim.v6) if address}


def _precedence(claim: PodClaim) -> tuple[bool, bool, int, str, str]:
    """Greater wins: a pod that stays over one that goes, one that runs over one that starts, then the later start.

    The names make the last tie stable.
    """
    return (not claim.terminating, claim.running, claim.started, claim.namespace, claim.name)
