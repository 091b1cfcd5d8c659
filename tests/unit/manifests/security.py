"""What a container may do beyond its task: nothing. Source: Kubernetes Pod Security Standards, "restricted".

Ports below 1024 are the one privilege that a DNS server needs. Kubernetes gives added capabilities to root only (there
are no ambient ones), and the sysctl in their place is of the pod's own network: not to be had on the host's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tests.unit.manifests.containers import Container

_PRIVILEGED_PORTS = 1024
_SYSCTL = "net.ipv4.ip_unprivileged_port_start"


def security_problems(container: Container, ports: Collection[int], *, changes_the_node: bool) -> Iterator[str]:
    """What is wrong for a program that listens on `ports` and, if so, makes interfaces and rules of the node."""
    pod, own = container.pod.get("securityContext", {}), container.spec.get("securityContext", {})
    context = {**pod, **own}
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "seccompProfile is not RuntimeDefault"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if own.get("readOnlyRootFilesystem") is not True:
        yield "readOnlyRootFilesystem is not true"
    if own.get("privileged"):
        yield "privileged is set"
    if own.get("capabilities", {}).get("drop") != ["ALL"]:
        yield "capabilities are not dropped"
    added = own.get("capabilities", {}).get("add", [])
    if changes_the_node and "NET_ADMIN" not in added:
        yield "interface and rules need NET_ADMIN"
    if not changes_the_node and "NET_ADMIN" in added:
        yield "NET_ADMIN is added, and not needed"
    yield from _port_problems(container, context, [port for port in ports if port < _PRIVILEGED_PORTS])


def _port_problems(container: Container, context: dict[str, object], low: Collection[int]) -> Iterator[str]:
    on_host = bool(container.pod.get("hostNetwork"))
    pod = container.pod.get("securityContext", {})
    starts = [int(each["value"]) for each in pod.get("sysctls", ()) if each["name"] == _SYSCTL]
    added = container.spec.get("securityContext", {}).get("capabilities", {}).get("add", [])
    added = [capability for capability in added if capability != "NET_ADMIN"]
    if starts and on_host:
        yield f"the kubelet refuses the sysctl {_SYSCTL} on the host's network"
    if low and on_host:
        if added != ["NET_BIND_SERVICE"] or context.get("runAsUser") != 0:
            yield f"port {min(low)} of the host is for root with NET_BIND_SERVICE"
        return
    if added:
        yield f"{added} is added, and not needed"
    if low and (not starts or starts[0] > min(low)):
        yield f"port {min(low)} needs the sysctl {_SYSCTL}"
    if not low and starts:
        yield f"the sysctl {_SYSCTL} is set, and not needed"
    if context.get("runAsNonRoot") is not True or context.get("runAsUser", 0) == 0:
        yield "it runs as root, and need not"
