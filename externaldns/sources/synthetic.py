"""Sources without a cluster: `empty` asks for nothing, `fake` for a record of each type, to try a provider with.

    --source=empty      what is ours goes away (as far as policy and delete guard let it)
    --source=fake       under example.com, or each name that --fqdn-template makes of a Pod `fake` in `default`

As in ExternalDNS (docs/sources/fake.md), but the names of `fake` stay the same from run to run, so that a second run
has nothing to do. Addresses are those for documentation (RFC 5737, RFC 3849). No I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from clusterdns.kube.objects import Key, KubeObject, Pod
from clusterdns.kube.store import Store
from externaldns.record import RECORD_TYPES, RESOURCE_LABEL, Endpoint
from externaldns.sources.objects import ObjectSource
from externaldns.sources.selection import Selection

DEFAULT_DOMAIN = "example.com"


class EmptySource:
    """Implements `externaldns.sources.source.Source`; has no objects and no stores."""

    name = "empty"
    stores: tuple[Store[Any], ...] = ()

    def endpoints(self) -> list[Endpoint]:
        return []

    def endpoints_of(self, key: Key) -> list[Endpoint]:
        return []

    def concerned(self, kind: str, old: KubeObject | None, new: KubeObject | None) -> Iterable[Key]:
        return ()

    def made_of(self, kind: str, key: Key) -> Iterable[Key]:
        return ()


class FakeSource(ObjectSource[Pod]):
    """Makes one endpoint of each type under each domain that its template gives."""

    name = "fake"

    def __init__(self, selection: Selection | None = None) -> None:
        store: Store[Pod] = Store("fake")
        store.replace([Pod(namespace="default", name="fake")])
        template = selection.template if selection else None
        super().__init__(store, Selection(template=template))

    def _make(self, asking: Pod) -> Iterable[Endpoint]:
        template = self._selection.template
        domains = (template(asking) if template else ()) or (DEFAULT_DOMAIN,)
        labels = {RESOURCE_LABEL: f"pod/{asking.namespace}/{asking.name}"}
        for domain in domains:
            for record_type in RECORD_TYPES:
                name, targets = _record(record_type, domain, len(domains))
                yield Endpoint(name, targets, record_type, labels=labels)


def _record(record_type: str, domain: str, domains: int) -> tuple[str, tuple[str, ...]]:
    """Return name and targets of the record of that type under `domain`; addresses are as many as `domains`."""
    host = f"fake-target.{domain}"
    match record_type:
        case "A":
            return f"fake-a.{domain}", tuple(f"192.0.2.{number + 1}" for number in range(min(domains, 254)))
        case "AAAA":
            return f"fake-aaaa.{domain}", tuple(f"2001:db8::{number + 1:x}" for number in range(domains))
        case "TXT":
            return f"fake-txt.{domain}", ('"fake"',)
        case "MX":
            return domain, (f"10 {host}",)
        case "NS":
            return domain, (host,)
        case "SRV":
            return f"_sip._udp.{domain}", (f"10 20 5060 {host}.",)
        case "NAPTR":
            return f"_sip._udp.{domain}", (f'100 10 "u" "E2U+sip" "!^.*$!sip:info@{domain}!" .',)
        case "PTR":
            return "1.2.0.192.in-addr.arpa", (host,)
        case _:
            return f"fake-{record_type.lower()}.{domain}", (host,)
