"""A cluster that is computed, not kept: object number n is made when it is sent, in the size that real ones have.

Pod n is endpoint n; each Service has the same number of endpoints, in one slice, and every twentieth is headless. What
a change does to a pod is computed as well: its sandbox is made anew, with another address.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_NAMESPACES = 500
_VERSION = 1_000_000
POD_BYTES = 10_000
NOWHERE = "nowhere"
"""Stands for a node that nothing is on."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    pods: int
    services: int
    nodes: int = 5000

    @property
    def per_service(self) -> int:
        return self.pods // self.services


class SyntheticCluster:
    """The objects as JSON. A pod's `generation` counts its changes; it decides the address."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self._pod = _template(_pod_document(), POD_BYTES)
        self._service = _template(_service_document(), 1_500)
        self._slice_start, self._slice_end = _slice_parts()
        self._endpoint = _template(_endpoint_document(), 0)

    def objects(self, kind: str, node: str = "") -> tuple[int, Callable[[int], bytes]]:
        """How many there are of a plural, of pods those of `node` if one is named, and how to make number n."""
        if node == NOWHERE:
            return 0, self.pod
        if kind == "pods" and node:
            numbers = range(int(node.removeprefix("node-")), self.size.pods, self.size.nodes)
            return len(numbers), lambda number: self.pod(numbers[number])
        return {
            "namespaces": (_NAMESPACES, self.namespace),
            "services": (self.size.services, self.service),
            "endpointslices": (self.size.services, self.endpoint_slice),
            "pods": (self.size.pods, self.pod),
        }[kind]

    def node_of(self, pod: int) -> str:
        return f"node-{pod % self.size.nodes:04d}"

    def namespace(self, number: int) -> bytes:
        metadata = {"name": f"namespace-{number:03d}", "uid": f"ns-{number}", "resourceVersion": str(_VERSION)}
        return json.dumps({"kind": "Namespace", "apiVersion": "v1", "metadata": metadata}).encode()

    def service_of(self, pod: int) -> int:
        return min(pod // self.size.per_service, self.size.services - 1)

    def namespace_of(self, service: int) -> str:
        return f"namespace-{service % _NAMESPACES:03d}"

    def service(self, number: int) -> bytes:
        return self._service % {
            b"name": b"service-%05d" % number,
            b"namespace": self.namespace_of(number).encode(),
            b"uid": b"6a1f2785-203f-4827-8667-%012d" % number,
            b"version": b"%d" % (_VERSION + number),
            b"address": b"None" if number % 20 == 0 else b"10.96.%d.%d" % divmod(number, 256),
        }

    def pod(self, number: int, generation: int = 0) -> bytes:
        service = self.service_of(number)
        return self._pod % {
            b"name": b"service-%05d-7d9c6b5f4d-%06d" % (service, number),
            b"service": b"service-%05d" % service,
            b"namespace": self.namespace_of(service).encode(),
            b"uid": b"994a2785-203f-4827-8667-%012d" % number,
            b"version": b"%d" % (_VERSION + number + generation),
            b"address": pod_address(number, generation).encode(),
            b"node": self.node_of(number).encode(),
            b"node_address": b"172.18.%d.%d" % divmod(number % self.size.nodes, 256),
        }

    def endpoint_slice(self, number: int, generations: Callable[[int], int] = lambda pod: 0) -> bytes:
        names = {
            b"name": b"service-%05d-x7k2p" % number,
            b"service": b"service-%05d" % number,
            b"namespace": self.namespace_of(number).encode(),
            b"uid": b"b51f2785-203f-4827-8667-%012d" % number,
            b"version": b"%d" % (_VERSION + number),
        }
        pods = range(number * self.size.per_service, (number + 1) * self.size.per_service)
        endpoints = [
            self._endpoint
            % {
                b"address": pod_address(pod, generations(pod)).encode(),
                b"node": self.node_of(pod).encode(),
                b"pod": b"service-%05d-7d9c6b5f4d-%06d" % (number, pod),
                b"namespace": names[b"namespace"],
                b"uid": b"994a2785-203f-4827-8667-%012d" % pod,
            }
            for pod in pods
        ]
        return self._slice_start % names + b",".join(endpoints) + self._slice_end


def pod_address(number: int, generation: int = 0) -> str:
    """Each pod and generation has an address of its own, in 10.128/9 at first, then in 100.64/10."""
    value = (
        (10 << 24 | 128 << 16) + number if generation == 0 else (100 << 24 | 64 << 16) + number * 16 + generation % 16
    )
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def _template(document: dict[str, Any], size: int) -> bytes:
    """The document as a bytes template: `<name>` stands for a field, and an annotation fills it up to `size`."""
    text = json.dumps(document, separators=(",", ":"))
    missing = size - len(text)
    if missing > 0:
        text = text.replace("<padding>", "x" * missing)
    text = text.replace("%", "%%")
    for field in ("name", "service", "namespace", "uid", "version", "address", "node_address", "node", "pod"):
        text = text.replace(f"<{field}>", f"%({field})s")
    return text.encode()


def _metadata(**more: Any) -> dict[str, Any]:
    managed = {"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": "2026-11-22T00:50:22Z",
               "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}}}  # fmt: skip
    return {"name": "<name>", "namespace": "<namespace>", "uid": "<uid>", "resourceVersion": "<version>",
            "creationTimestamp": "2026-11-22T00:50:22Z", **more, "managedFields": [managed]}  # fmt: skip


def _pod_document() -> dict[str, Any]:
    ours = {"app": "<service>", "pod-template-hash": "7d9c6b5f4d", "app.kubernetes.io/name": "<service>",
            "app.kubernetes.io/instance": "<service>", "app.kubernetes.io/managed-by": "Helm"}  # fmt: skip
    container = {
        "name": "main",
        "image": "registry.example.com/team/application:v1.2.3",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": f"VARIABLE_{number}", "value": f"value of number {number}"} for number in range(30)],
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [{"name": "token", "readOnly": True, "mountPath": "/var/run/secrets/serviceaccount"}],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10},
    }
    conditions = [
        {"type": name, "status": "True", "lastProbeTime": None, "lastTransitionTime": "2026-11-22T00:50:22Z"}
        for name in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": _metadata(labels=ours, annotations={"checksum/config": "c" * 64, "example.com/notes": "<padding>"}),
        "spec": {
            "volumes": [{"name": f"volume-{number}", "emptyDir": {}} for number in range(8)],
            "containers": [container, {**container, "name": "sidecar"}],
            "dnsPolicy": "ClusterFirst",
            "nodeName": "<node>",
            "schedulerName": "default-scheduler",
        },
        "status": {
            "phase": "Running",
            "conditions": conditions,
            "hostIP": "<node_address>",
            "podIP": "<address>",
            "podIPs": [{"ip": "<address>"}],
            "startTime": "2026-11-22T00:50:22Z",
            "containerStatuses": [
                {"name": name, "ready": True, "restartCount": 0, "imageID": f"sha256:{'a' * 64}",
                 "containerID": f"containerd://{'b' * 64}"}
                for name in ("main", "sidecar")
            ],
        },
    }  # fmt: skip


def _service_document() -> dict[str, Any]:
    ports = [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}]
    return {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": _metadata(labels={"app": "<name>"}, annotations={"example.com/notes": "<padding>"}),
        "spec": {"ports": ports, "selector": {"app": "<name>"}, "clusterIP": "<address>",
                 "clusterIPs": ["<address>"], "type": "ClusterIP", "ipFamilies": ["IPv4"]},
        "status": {"loadBalancer": {}},
    }  # fmt: skip


def _endpoint_document() -> dict[str, Any]:
    return {
        "addresses": ["<address>"],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "targetRef": {"kind": "Pod", "namespace": "<namespace>", "name": "<pod>", "uid": "<uid>"},
        "nodeName": "<node>",
        "zone": "zone-a",
    }


def _slice_parts() -> tuple[bytes, bytes]:
    labels = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
              "kubernetes.io/service-name": "<service>"}  # fmt: skip
    document = {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": _metadata(labels=labels),
        "addressType": "IPv4",
        "endpoints": ["|"],
        "ports": [{"name": "http", "protocol": "TCP", "port": 8080}],
    }
    start, _, end = _template(document, 0).partition(b'"|"')
    return start, end
