"""Every type of record, from an object to the emulator's DNS and back, by real processes: and a second run is idle."""

from __future__ import annotations

import pytest

from tests.integration.externaldns_world import ZONE, World
from tests.unit.externaldns.emulator.live import ask

RECORDS = """\
apiVersion: externaldns.k8s.io/v1alpha1
kind: DNSEndpoint
metadata: {name: all, namespace: shop}
spec:
  endpoints:
  - {dnsName: demo.internal, recordType: A, recordTTL: 5, targets: [192.0.2.1]}
  - {dnsName: demo.internal, recordType: MX, targets: ["20 mail.example.com", "30 mail2.example.com"]}
  - {dnsName: demo.internal, recordType: TXT, targets: ["v=spf1 -all"]}
  - {dnsName: "*.apps.demo.internal", recordType: A, targets: [192.0.2.2, 192.0.2.3]}
  - {dnsName: v6.demo.internal, recordType: AAAA, recordTTL: 100, targets: ["2001:db8::1"]}
  - {dnsName: alias.demo.internal, recordType: CNAME, targets: [lb.example.net]}
  - {dnsName: _http._tcp.demo.internal, recordType: SRV, targets: ["0 50 80 web.demo.internal."]}
  - dnsName: weighed.demo.internal
    recordType: A
    targets: [192.0.2.4]
    providerSpecific: [{name: alibabacloud/weight, value: "9"}]
"""

ANSWERS = [
    ("demo.internal", "A", ["5 192.0.2.1"]),
    ("demo.internal", "MX", ["60 20 mail.example.com.", "60 30 mail2.example.com."]),
    ("demo.internal", "TXT", ['60 "v=spf1 -all"']),
    ("any.apps.demo.internal", "A", ["60 192.0.2.2", "60 192.0.2.3"]),
    ("v6.demo.internal", "AAAA", ["60 2001:db8::1"]),  # the TTL next below, of those that PrivateZone has
    ("alias.demo.internal", "CNAME", ["60 lb.example.net."]),
    ("_http._tcp.demo.internal", "SRV", ["60 0 50 80 web.demo.internal."]),
    ("weighed.demo.internal", "A", ["60 192.0.2.4"]),
    # PTR records go into reverse zones, which are made.
    ("1.2.0.192.in-addr.arpa", "PTR", ["5 demo.internal."]),
    ("4.2.0.192.in-addr.arpa", "PTR", ["60 weighed.demo.internal."]),
    ("1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa", "PTR", ["60 v6.demo.internal."]),
]


def answer(world: World, name: str, record_type: str) -> list[str]:
    """The answers of the emulator's DNS, TTL first."""
    found = ask(world.emulator.dns, name, record_type)
    return sorted(f"{rrset.ttl} {rdata.to_text()}" for rrset in found.answer for rdata in rrset)


@pytest.mark.parametrize("registry", ["txt", "remark"])
def test_every_type_of_record(world: World, registry: str) -> None:
    manifest = world.manifests / "records.yaml"
    manifest.write_text(RECORDS)
    types = [f"--managed-record-types={each}" for each in ("A", "AAAA", "CNAME", "MX", "TXT", "SRV", "PTR")]
    zones = [f"--privatezone-create-zones={each}" for each in ("2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa")]
    flags = ("--source=crd", "--create-ptr", f"--registry={registry}", *types, *zones)
    code, log = world.once(*flags)
    assert code == 0, log
    assert [(name, type, answer(world, name, type)) for name, type, _ in ANSWERS] == ANSWERS
    writes = len(world.relay.writes)
    assert world.once(*flags)[0] == 0
    assert len(world.relay.writes) == writes, "a second run writes nothing"

    # Taking it all away is what the delete guard is for, unless that is said to be meant.
    manifest.unlink()
    assert world.once(*flags)[0] == 0
    assert answer(world, f"v6.{ZONE}", "AAAA") == ["60 2001:db8::1"]
    assert world.once("--allow-mass-delete", *flags)[0] == 0
    assert world.emulator.rows() == []
    assert [answer(world, name, type) for name, type, _ in ANSWERS] == [[]] * len(ANSWERS)
