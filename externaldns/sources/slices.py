"""EndpointSlices by Service, and Services by pod, kept up to date by the store: a change costs what it touches."""

from __future__ import annotations

from collections.abc import Iterable

from clusterdns.kube.objects import Endpoint, EndpointSlice, Key
from clusterdns.kube.store import Store


class SlicesByService:
    """Follows `slices` from its making on. A Service's slices are in the order of their names."""

    def __init__(self, slices: Store[EndpointSlice]) -> None:
        self._slices: dict[Key, dict[str, EndpointSlice]] = {}
        self._claims: dict[Key, dict[Key, int]] = {}
        """Pod to Service to the number of endpoints that say so."""
        slices.subscribe(self._changed)

    def endpoints(self, service: Key) -> list[Endpoint]:
        """Return the endpoints of all slices of `service`."""
        slices = self._slices.get(service, {})
        return [endpoint for name in sorted(slices) for endpoint in slices[name].endpoints]

    def services_of_pod(self, pod: Key) -> Iterable[Key]:
        """Return the keys of the Services that the pod with the key `pod` is an endpoint of."""
        return tuple(self._claims.get(pod, ()))

    def _changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        if old is not None:
            service = (old.namespace, old.service)
            slices = self._slices[service]
            del slices[old.name]
            if not slices:
                del self._slices[service]
            self._count(old, -1)
        if new is not None:
            self._slices.setdefault((new.namespace, new.service), {})[new.name] = new
            self._count(new, 1)

    def _count(self, endpoint_slice: EndpointSlice, step: int) -> None:
        service = (endpoint_slice.namespace, endpoint_slice.service)
        for endpoint in endpoint_slice.endpoints:
            if endpoint.target_kind == "Pod":
                pod = (endpoint_slice.namespace, endpoint.target_name)
                claims = self._claims.setdefault(pod, {})
                claims[service] = claims.get(service, 0) + step
                if not claims[service]:
                    del claims[service]
                if not claims:
                    del self._claims[pod]
