"""Flags of ExternalDNS's about sources and targets, all in one process, against the emulator."""

from __future__ import annotations

from tests.integration.externaldns_world import ZONE, World

MANIFESTS = f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: registry, namespace: shop}}
data: {{host: db.{ZONE}, address: 10.1.2.3}}
---
apiVersion: externaldns.k8s.io/v1alpha1
kind: DNSEndpoint
metadata: {{name: records, namespace: shop}}
spec:
  endpoints:
  - {{dnsName: default.{ZONE}, recordType: A}}
  - {{dnsName: six.{ZONE}, recordType: AAAA, targets: ["64:ff9b::c000:201"]}}
"""

FLAGS = (
    "--source=crd",
    "--source=unstructured",
    "--unstructured-resource=configmaps.v1",
    '--fqdn-target-template={{if eq .Kind "ConfigMap"}}{{.Object.data.host}}:{{.Object.data.address}}{{end}}',
    "--default-targets=10.9.9.9",
    "--nat64-networks=64:ff9b::/96",
)


def data(world: World) -> list[str]:
    """The rows that are no ownership records."""
    return [row for row in world.emulator.rows() if " TXT " not in row]


def test_records_of_any_objects_with_targets_by_flag(world: World) -> None:
    (world.manifests / "objects.yaml").write_text(MANIFESTS)
    assert world.once(*FLAGS)[0] == 0
    expected = [
        "db A 60 10.1.2.3",
        "default A 60 10.9.9.9",
        "six A 60 192.0.2.1",
        "six AAAA 60 64:ff9b::c000:201",
    ]
    assert data(world) == expected
    writes = len(world.relay.writes)
    assert world.once(*FLAGS)[0] == 0
    assert len(world.relay.writes) == writes, "a second run writes nothing"

    # With the flag forced all but annotated targets give way.
    assert world.once(*FLAGS, "--force-default-targets")[0] == 0
    assert data(world) == [f"{name} A 60 10.9.9.9" for name in ("db", "default", "six")]


def test_the_source_empty_takes_away_what_is_ours_and_fake_brings_a_record_of_each_type(world: World) -> None:
    world.emulator.add("hand", "A", "198.51.100.2")
    assert world.once("--source=fake", f"--fqdn-template={ZONE}")[0] == 0
    assert data(world) == [
        "fake-a A 60 192.0.2.1",
        "fake-aaaa AAAA 60 2001:db8::1",
        f"fake-cname CNAME 60 fake-target.{ZONE}",
        "hand A 60 198.51.100.2",
    ]
    assert world.once("--source=empty", "--allow-mass-delete")[0] == 0
    assert world.emulator.rows() == ["hand A 60 198.51.100.2"]
