"""The containers of a base as the kubelet would start them: arguments, environment and files, from the documents.

Source: Kubernetes API reference (Pod v1), "Define Dependent Environment Variables", "Service environment variables".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.unit.manifests.documents import Document, name_of

FIELDS: Mapping[str, str] = {
    "metadata.namespace": "kube-system",
    "spec.nodeName": "node-1",
    "status.hostIP": "192.0.2.10",
    "status.hostIPs": "192.0.2.10,2001:db8::10",
    "status.podIP": "198.51.100.10",
    "status.podIPs": "198.51.100.10,2001:db8:1::10",
}
"""What the downward API would say, on a dual-stack node."""

_KUBELET_FILES = {"/etc/hosts": "127.0.0.1 localhost\n", "/etc/resolv.conf": "nameserver 203.0.113.53\n"}
_WORKLOADS = ("DaemonSet", "Deployment")


@dataclass(frozen=True, slots=True)
class Container:
    """One container, its pod's spec and its workload.

    `files` is text by path, `folders` are those that may be written to, `addresses` the pod's, `problems` what keeps
    it from being started.
    """

    workload: Document
    pod: Document
    spec: Document
    arguments: Sequence[str]
    environment: Mapping[str, str]
    files: Mapping[str, str]
    folders: Sequence[str]
    addresses: frozenset[str]
    problems: Sequence[str]

    @property
    def program(self) -> str:
        """The console script, which is the last word of the image's name."""
        return str(self.spec["image"]).rpartition("/")[2].partition(":")[0]

    @property
    def label(self) -> str:
        return f"{name_of(self.workload).name}/{self.spec['name']}"


def workloads(documents: Sequence[Document]) -> list[Document]:
    return [document for document in documents if document["kind"] in _WORKLOADS]


def containers(
    documents: Sequence[Document], secrets: Mapping[str, Mapping[str, str]], fields: Mapping[str, str] = FIELDS
) -> Iterator[Container]:
    """Every container of every workload. `secrets` are those that an operator makes: text by key, by name."""
    for workload in workloads(documents):
        pod = workload["spec"]["template"]["spec"]
        addresses = fields["status.hostIPs" if pod.get("hostNetwork") else "status.podIPs"]
        for spec in [*pod.get("initContainers", ()), *pod["containers"]]:
            problems: list[str] = []
            environment = _environment(documents, workload, spec, fields, problems)
            arguments = [_expanded(argument, environment, problems) for argument in spec.get("args", ())]
            files, folders = _files(documents, workload, spec, secrets, problems)
            yield Container(
                workload, pod, spec, arguments, environment, files, folders, frozenset(addresses.split(",")), problems
            )


def _environment(
    documents: Sequence[Document], workload: Document, spec: Document, fields: Mapping[str, str], problems: list[str]
) -> dict[str, str]:
    environment = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    namespace = name_of(workload).namespace
    if workload["spec"]["template"]["spec"].get("enableServiceLinks", True):
        for number, document in enumerate(documents):
            name = name_of(document)
            # Services without an address have no variables, and those of other namespaces are not seen.
            if name.kind == "Service" and name.namespace == namespace and document["spec"].get("clusterIP") != "None":
                prefix = name.name.upper().replace("-", "_")
                environment[f"{prefix}_SERVICE_HOST"] = f"10.96.1.{number}"
    for variable in spec.get("env", ()):
        if "value" in variable:
            environment[variable["name"]] = _expanded(variable["value"], environment, problems)
            continue
        path = variable["valueFrom"]["fieldRef"]["fieldPath"]
        if path not in fields:
            problems.append(f"{variable['name']}: no field {path} is known")
        environment[variable["name"]] = fields.get(path, "")
    return environment


def _expanded(text: str, environment: Mapping[str, str], problems: list[str]) -> str:
    """`$(NAME)` replaced; the kubelet leaves it as it is where there is no such variable."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in environment:
            problems.append(f"{text} uses the variable {match[1]}, which is not set")
        return environment.get(match[1], match[0])

    return re.sub(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)", value, text)


def _files(
    documents: Sequence[Document],
    workload: Document,
    spec: Document,
    secrets: Mapping[str, Mapping[str, str]],
    problems: list[str],
) -> tuple[dict[str, str], list[str]]:
    """Files by path, and the folders that are the container's own."""
    volumes = {volume["name"]: volume for volume in workload["spec"]["template"]["spec"].get("volumes", ())}
    namespace = name_of(workload).namespace
    maps = {name_of(each)[1:]: each["data"] for each in documents if each["kind"] == "ConfigMap"}
    files, folders = dict(_KUBELET_FILES), []
    for mount in spec.get("volumeMounts", ()):
        volume = volumes.pop(mount["name"], None)
        if volume is None:
            problems.append(f"mounts the volume {mount['name']}, which the pod has not, or mounts it twice")
            continue
        if "emptyDir" in volume and not mount.get("readOnly"):
            folders.append(mount["mountPath"])
            continue
        if not mount.get("readOnly"):
            problems.append(f"mounts {mount['mountPath']} to be written to")
        source = volume.get("configMap") or volume.get("secret") or {}
        content = (
            secrets.get(source["secretName"]) if "secret" in volume else maps.get((namespace, source.get("name", "")))
        )
        if content is None:
            problems.append(f"the volume {mount['name']} is made of nothing that is there")
            continue
        for item in source.get("items") or [{"key": key, "path": key} for key in content]:
            if item["key"] not in content:
                problems.append(f"the volume {mount['name']} has no {item['key']} in it")
                continue
            files[f"{mount['mountPath']}/{item['path']}"] = content[item["key"]]
    problems += [f"nothing mounts the volume {name}" for name in volumes]
    return files, folders
