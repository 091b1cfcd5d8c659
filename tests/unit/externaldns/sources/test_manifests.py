"""From manifests as users write them to records, all sources at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from clusterdns.kube.manifests import ManifestFolder
from clusterdns.kube.store import Cluster
from externaldns import flags
from externaldns.sources.build import build_sources, kinds_of
from externaldns.sources.source import collect
from tests.unit.externaldns.sources.building import shown

MANIFESTS = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, annotations: {external-dns.alpha.kubernetes.io/hostname: web.ex.com}}
spec: {type: LoadBalancer, clusterIP: 10.96.0.1}
status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop, annotations: {external-dns.kubernetes.io/internal-hostname: pod.ex.com}}
spec: {nodeName: n}
status: {phase: Running, podIP: 10.244.0.1, podIPs: [{ip: 10.244.0.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: done, namespace: shop, annotations: {external-dns.kubernetes.io/internal-hostname: done.ex.com}}
spec: {nodeName: n}
status: {phase: Succeeded, podIP: 10.244.0.2}
---
apiVersion: v1
kind: Node
metadata: {name: n.ex.com}
status: {addresses: [{type: InternalIP, address: 10.0.0.1}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, namespace: shop}
spec: {ingressClassName: nginx, rules: [{host: ing.ex.com}]}
status: {loadBalancer: {ingress: [{hostname: lb.ex.net}]}}
---
apiVersion: externaldns.k8s.io/v1alpha1
kind: DNSEndpoint
metadata: {name: d, namespace: shop}
spec: {endpoints: [{dnsName: txt.ex.com, recordType: TXT, targets: ["hello"], recordTTL: 60}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g, namespace: infra}
spec: {listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]}
status: {addresses: [{value: 192.0.2.9}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: shop}
spec: {hostnames: [route.ex.com], parentRefs: [{name: g, namespace: infra}]}
status:
  parents: [{parentRef: {name: g, namespace: infra}, controllerName: x, conditions: [{type: Accepted, status: "True"}]}]
"""

RECORDS = {
    "service": {"web.ex.com A 192.0.2.1"},
    "pod": {"pod.ex.com A 10.244.0.1"},
    "node": {"n.ex.com A 10.0.0.1"},
    "ingress": {"ing.ex.com CNAME lb.ex.net"},
    "crd": {"txt.ex.com TXT hello"},
    "gateway-httproute": {"route.ex.com A 192.0.2.9"},
    "gateway-grpcroute": set(),
}


@pytest.mark.parametrize("names", [[name] for name in RECORDS] + [list(RECORDS)], ids=lambda names: ",".join(names))
def test_manifests_to_records(names: list[str], tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(MANIFESTS, encoding="utf-8")
    cluster = Cluster()
    arguments = [f"--source={','.join(names)}", "--provider=alibabacloud", "--policy=sync"]
    sources = build_sources(flags.parse(arguments, {}).source, cluster)
    ManifestFolder(tmp_path, cluster).load()
    assert all(cluster.store(kind).synced for kind in kinds_of(sources))
    assert shown(collect(sources).endpoints) == {record for name in names for record in RECORDS[name]}
