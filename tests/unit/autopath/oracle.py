"""The cluster's zones once more, slowly and obviously: every record and every name written into lists.

Made from docs/kubernetes-dns.md and the Kubernetes DNS specification 1.1.0, by loops over lists of objects, in text. It
shares no code with the zone that it checks; dnspython and the standard library are all that it uses.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from clusterdns.kube.objects import EndpointSlice, KubeObject, Namespace, Pod, Service, ServiceImport
from tests.unit.autopath.oracle_terms import (
    REVERSE,
    SET,
    ZONE,
    Expected,
    Options,
    Pair,
    Record,
    family,
    is_address,
    pointer,
)


class Oracle:
    """One cluster, by its objects. `outside` are the records of other zones."""

    def __init__(
        self, objects: Sequence[KubeObject], options: Options, own: Sequence[str], outside: Sequence[Record]
    ) -> None:
        self.options = options
        self.own = own
        self.outside = outside
        self.services = [each for each in objects if isinstance(each, Service)]
        self.imports = [each for each in objects if isinstance(each, ServiceImport)]
        self.slices = [each for each in objects if isinstance(each, EndpointSlice) and not options.noendpoints]
        self.pods = [each for each in objects if isinstance(each, Pod)]
        self.namespaces = [each.name for each in objects if isinstance(each, Namespace) and self.exposed(each.name)]
        self.records: list[Record] = []
        self.names: list[str] = []
        """Names that exist, with records or without."""
        self.pairs: dict[str, list[Pair]] = {}
        """For owners of SRV records."""
        self.write_zone()
        self.write_clusterset()
        self.write_reverse()

    def exposed(self, namespace: str) -> bool:
        return not self.options.namespaces or namespace in self.options.namespaces

    # What there is of a Service.

    def slices_of(self, service: Service) -> list[EndpointSlice]:
        return [
            each
            for each in self.slices
            if (each.namespace, each.service) == (service.namespace, service.name) and each.address_type != "FQDN"
        ]

    def endpoints(self, current: EndpointSlice) -> list[tuple[str, str, str]]:
        """Label, address and topology zone of each address that is ready."""
        found = []
        for endpoint in current.endpoints:
            for address in endpoint.addresses:
                if not endpoint.ready:
                    continue
                label = address.replace(".", "-").replace(":", "-")
                if label.endswith("-"):
                    label += "0"
                if self.options.endpoint_pod_names and endpoint.target_kind == "Pod" and len(endpoint.target_name) < 64:
                    label = endpoint.target_name or label
                found.append((endpoint.hostname or label, address, endpoint.zone))
        return found

    def all_endpoints(self, service: Service) -> list[tuple[str, str, str]]:
        return [each for current in self.slices_of(service) for each in self.endpoints(current)]

    def served(self) -> list[Service]:
        """The Services whose names exist."""
        found = []
        for service in self.services:
            if not self.exposed(service.namespace):
                continue
            if service.type == "ExternalName":
                target = service.external_name
                if is_address(target) or ".." in target:
                    continue
            elif (service.headless or self.options.ignore_empty_service) and not self.all_endpoints(service):
                continue
            found.append(service)
        return found

    # Writing.

    def write(self, owner: str, rtype: str, rdata: str) -> None:
        self.names.append(owner)
        if (owner, rtype, rdata) not in self.records:
            self.records.append((owner, rtype, rdata))

    def write_addresses(self, owner: str, addresses: Sequence[str]) -> None:
        self.names.append(owner)
        for address in addresses:
            self.write(owner, family(address), address)

    def write_srv(self, owner: str, pairs: Sequence[Pair]) -> None:
        """All pairs of address and port share 100."""
        self.names.append(owner)
        numbered = [pair for pair in pairs if pair[2] is not None]
        self.pairs[owner] = numbered
        for target, _, port in numbered:
            self.write(owner, "SRV", f"0 {max(1, 100 // len(numbered))} {port} {target}")

    def write_zone(self) -> None:
        for name in (ZONE, f"svc.{ZONE}", f"pod.{ZONE}", f"dns-version.{ZONE}", f"ns.dns.{ZONE}"):
            self.names.append(name)
        for namespace in self.namespaces:
            self.names.append(f"{namespace}.svc.{ZONE}")
            if self.options.pods != "disabled":
                self.names.append(f"{namespace}.pod.{ZONE}")
        self.write(f"dns-version.{ZONE}", "TXT", '"1.1.0"')
        for server, address in self.servers():
            self.write(ZONE, "NS", server)
            self.write_addresses(f"ns.dns.{ZONE}", [address])
        for service in self.served():
            name = f"{service.name}.{service.namespace}.svc.{ZONE}"
            if service.type == "ExternalName":
                target = service.external_name if service.external_name.endswith(".") else f"{service.external_name}."
                self.write(name, "CNAME", target)
            else:
                self.write_service(service, name)

    def write_service(self, service: Service, name: str) -> None:
        every: list[tuple[str, str, Pair]] = []
        """Port name, protocol and pair."""
        for current in self.slices_of(service):
            for label, address, _ in self.endpoints(current):
                endpoint = f"{label}.{name}"
                self.write_addresses(endpoint, [address])
                if service.headless:
                    self.write_addresses(name, [address])
                    every += [(port.name, port.protocol, (endpoint, address, port.port)) for port in current.ports]
        if not service.headless:
            self.write_addresses(name, service.cluster_ips)
            every = [
                (port.name, port.protocol, (name, address, port.port))
                for port in service.ports
                for address in service.cluster_ips
            ]
            for port in service.ports:
                self.write_port(port.name, port.protocol, name, every)
        self.write_srv(name, [pair for _, _, pair in every])
        for port_name, protocol, _ in every:
            self.write_port(port_name, protocol, name, every)
        for endpoint in {f"{label}.{name}" for label, _, _ in self.all_endpoints(service)}:
            self.write_srv(
                endpoint,
                [
                    (endpoint, address, port.port)
                    for current in self.slices_of(service)
                    for label, address, _ in self.endpoints(current)
                    for port in current.ports
                    if f"{label}.{name}" == endpoint
                ],
            )

    def write_port(self, port: str, protocol: str, name: str, every: Sequence[tuple[str, str, Pair]]) -> None:
        if not port:
            return
        self.names.append(f"_{protocol.lower()}.{name}")
        pairs = [pair for port_name, of, pair in every if (port_name, of) == (port, protocol)]
        self.write_srv(f"_{port}._{protocol.lower()}.{name}", pairs)

    def write_clusterset(self) -> None:
        for name in (SET, f"svc.{SET}", f"pod.{SET}", f"dns-version.{SET}", f"ns.dns.{SET}"):
            self.names.append(name)
        self.names += [f"{namespace}.svc.{SET}" for namespace in self.namespaces]
        self.write(f"dns-version.{SET}", "TXT", '"1.1.0"')
        for server, address in self.servers():
            self.write(SET, "NS", server)
            self.write_addresses(f"ns.dns.{SET}", [address])
        for each in self.imports:
            name = f"{each.name}.{each.namespace}.svc.{SET}"
            slices = [
                current
                for current in self.slices
                if (current.namespace, current.imported) == (each.namespace, each.name) and current.source_cluster
            ]
            ready = [
                (f"{label}.{current.source_cluster}.{name}", address, current)
                for current in slices
                for label, address, _ in self.endpoints(current)
            ]
            if not self.exposed(each.namespace) or ((each.headless or self.options.ignore_empty_service) and not ready):
                continue
            for endpoint, address, current in ready:
                self.names.append(f"{current.source_cluster}.{name}")
                self.write_addresses(endpoint, [address])
                self.write_srv(
                    endpoint,
                    [(endpoint, other, port.port) for of, other, its in ready if of == endpoint for port in its.ports],
                )
            if each.headless:
                every = [
                    (port.name, port.protocol, (endpoint, address, port.port))
                    for endpoint, address, current in ready
                    for port in current.ports
                ]
                self.write_addresses(name, [address for _, address, _ in ready])
            else:
                every = [(port.name, port.protocol, (name, ip, port.port)) for port in each.ports for ip in each.ips]
                self.write_addresses(name, each.ips)
                for port in each.ports:
                    self.write_port(port.name, port.protocol, name, every)
            self.write_srv(name, [pair for _, _, pair in every])
            for port_name, protocol, _ in every:
                self.write_port(port_name, protocol, name, every)

    def write_reverse(self) -> None:
        self.names += REVERSE
        for zone in REVERSE:
            for server, _ in self.servers():
                self.write(zone, "NS", server)
        taken = {address for each in self.services if self.exposed(each.namespace) for address in each.cluster_ips}
        for service in self.services:
            if not self.exposed(service.namespace):
                continue
            name = f"{service.name}.{service.namespace}.svc.{ZONE}"
            for address in service.cluster_ips:
                self.write(pointer(address), "PTR", name)
            for label, address, _ in self.all_endpoints(service):
                if address not in taken and service.type != "ExternalName":
                    self.write(pointer(address), "PTR", f"{label}.{name}")

    def servers(self) -> list[tuple[str, str]]:
        """Names and addresses of those who serve the zone."""
        found = []
        for service in self.services:
            if not self.exposed(service.namespace) or service.type == "ExternalName":
                continue
            name = f"{service.name}.{service.namespace}.svc.{ZONE}"
            endpoints = [(f"{label}.{name}", address) for label, address, _ in self.all_endpoints(service)]
            if any(address in self.own for _, address in endpoints):
                found += endpoints if service.headless else [(name, address) for address in service.cluster_ips]
        return found or [(f"ns.dns.{ZONE}", address) for address in self.own]

    # Answering.

    def answer(self, name: str, qtype: str) -> Expected:
        """The answer to a question; `name` in lower case with its last dot."""
        found = self.decide(name, qtype)
        falls = self.options.fallthrough
        if falls is None or found.answer or (found.rcode != "NXDOMAIN" and not name.endswith(".arpa.")):
            return found
        inside = not falls or any(f".{name}".endswith(f".{zone}.") for zone in falls)
        return Expected(elsewhere=True) if inside else found

    def decide(self, name: str, qtype: str) -> Expected:
        zone = next(zone for zone in (ZONE, SET, *REVERSE) if name == zone or name.endswith(f".{zone}"))
        if qtype == "SOA" and name == zone:
            return Expected(answer={(name, "SOA", zone)})
        special = self.pod(name, qtype) or self.zonal(name, qtype)
        if special is not None:
            special.soa = "" if special.answer else zone
            return special
        spelled = self.spelled(name)
        here = {(name, rtype, rdata) for owner, rtype, rdata in self.records if owner == spelled and rtype == qtype}
        if here:
            return Expected(answer=here, additional=set(self.additional(spelled, qtype)))
        target = [rdata for owner, rtype, rdata in self.records if (owner, rtype) == (name, "CNAME")]
        if target and qtype in ("A", "AAAA"):
            return self.chase(name, qtype)
        if spelled in self.names or self.is_stem(name):
            return Expected(soa=zone)
        return Expected("NXDOMAIN", soa=zone)

    def is_stem(self, name: str) -> bool:
        """Names above whole reverse names exist, whether there is such an address or not."""
        labels = name.removesuffix(".").split(".")
        if labels[-2:] == ["in-addr", "arpa"] and len(labels) < 6:
            return all(each in map(str, range(256)) for each in labels[:-2])
        return (
            labels[-2:] == ["ip6", "arpa"]
            and len(labels) < 34
            and all(each in list("0123456789abcdef") for each in labels[:-2])
        )

    def spelled(self, name: str) -> str:
        """The underscores of port and protocol may be missing, but where two labels are an endpoint and its cluster."""
        first, _, rest = name.partition(".")
        second, _, service = rest.partition(".")
        full = f"_{first.removeprefix('_')}._{second.removeprefix('_')}.{service}"
        return full if name.endswith(f".svc.{ZONE}") and service.count(".") == 5 and full in self.names else name

    def additional(self, owner: str, qtype: str) -> Iterator[Record]:
        if qtype == "SRV":
            yield from ((target, family(address), address) for target, address, _ in self.pairs[owner])
        if qtype == "NS":
            yield from ((server, family(address), address) for server, address in self.servers())

    def chase(self, name: str, qtype: str) -> Expected:
        """Follow CNAMEs, ten of them at most, and never in a circle."""
        found: set[Record] = set()
        passed: list[str] = []
        current = name
        while True:
            passed.append(current)
            target = [rdata for owner, rtype, rdata in self.records if (owner, rtype) == (current, "CNAME")]
            if not target:
                break
            if target[0] in passed or len(passed) > 10:
                return Expected(soa=ZONE)
            found.add((current, "CNAME", target[0]))
            current = target[0]
        if current.endswith(ZONE):
            rest = self.decide(current, qtype)
            return Expected(answer=found | rest.answer, soa="" if rest.answer else ZONE)
        rest_outside = {each for each in self.outside if each[:2] == (current, qtype)}
        return Expected(answer=found | rest_outside, soa="" if rest_outside else ".")

    def pod(self, name: str, qtype: str) -> Expected | None:
        """`<address>.<namespace>.pod.<zone>`; None for other names."""
        labels = name.removesuffix(f".pod.{ZONE}").split(".")
        if not name.endswith(f".pod.{ZONE}") or len(labels) != 2:
            return None
        text, namespace = labels
        if self.options.pods == "disabled" or namespace not in self.namespaces:
            return Expected("NXDOMAIN")
        try:
            dotted = text.count("-") == 3 and "--" not in text
            address = str(ipaddress.ip_address(text.replace("-", "." if dotted else ":")))
        except ValueError:
            return Expected("NXDOMAIN")
        owners = [each.namespace for each in self.pods if address in each.ips and not each.host_network]
        if self.options.pods == "verified" and namespace not in owners:
            return Expected("NXDOMAIN")
        return Expected(answer={(name, qtype, address)} if family(address) == qtype else set())

    def zonal(self, name: str, qtype: str) -> Expected | None:
        """`<zone>.(pin|prefer)._zone.<service>`, and the names above; None for other names."""
        front, found, behind = f".{name}".partition("._zone.")
        if not self.options.zonal or not found or name.endswith(SET):
            return None
        service = next((each for each in self.served() if f"{each.name}.{each.namespace}.svc.{ZONE}" == behind), None)
        *zone, mode = front.removeprefix(".").split(".")
        if service is None or not service.headless or mode not in ("", "pin", "prefer"):
            return Expected("NXDOMAIN")
        if not zone:
            return Expected()
        wanted = ".".join(zone)
        pairs = [
            (f"{label}.{behind}", address, port, where)
            for current in self.slices_of(service)
            for label, address, where in self.endpoints(current)
            for port in (*(each.port for each in current.ports), "address")
        ]
        inside = [pair for pair in pairs if pair[3].lower() == wanted]
        if mode == "prefer" and not inside:
            inside = pairs
        if qtype == "SRV":
            srv = [pair for pair in inside if isinstance(pair[2], int)]
            return Expected(
                answer={(name, "SRV", f"0 {max(1, 100 // len(srv))} {port} {target}") for target, _, port, _ in srv},
                additional={(target, family(address), address) for target, address, _, _ in srv},
            )
        return Expected(answer={(name, qtype, each[1]) for each in inside if family(each[1]) == qtype})
