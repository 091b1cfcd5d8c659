"""What must hold for the manifests: each check yields what is wrong, in words that name the place.

    files of the base ──► documents ──► containers ──► rehearsals with the real programs ──► problems

Nothing is compared with a copy of the truth: ports, paths, kinds and flags are what the programs themselves use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.unit.manifests.containers import FIELDS, Container, containers, workloads
from tests.unit.manifests.documents import Document, Name, Sources, documents, listing_problems, name_of
from tests.unit.manifests.rehearsal import MAINS, Listener, Rehearsal, rehearse
from tests.unit.manifests.security import security_problems

_ANYWHERE = frozenset({"", "0.0.0.0", "::"})
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def problems(
    sources: Sources,
    secrets: Mapping[str, Mapping[str, str]],
    *,
    version: str,
    fields: Mapping[str, str] = FIELDS,
) -> list[str]:
    """Everything that is wrong with the base whose files are `sources`; `version` is that of the programs."""
    found = list(listing_problems(sources))
    objects = documents(sources)
    names = {name_of(document) for document in objects}
    rights: dict[Name, set[tuple[str, str, str]]] = {}
    opened: dict[Name, set[Listener]] = {}
    refused = False
    for container in containers(objects, secrets, fields):
        if container.program not in MAINS:
            found.append(f"{container.label}: the image {container.spec['image']} is none of our programs'")
            continue
        done = rehearse(
            container.program, container.arguments, container.environment, container.files, container.folders
        )
        opened.setdefault(name_of(container.workload), set()).update(done.listeners)
        refused |= bool(done.refusal)
        account = Name("ServiceAccount", name_of(container.workload).namespace, container.pod["serviceAccountName"])
        rights.setdefault(account, set()).update(done.rights)
        found += [f"{container.label}: {each}" for each in _container_problems(container, done, version)]
        if account not in names:
            found.append(f"{container.label}: the service account {account.name} is not there")
        if not done.refusal and bool(done.rights) != container.pod.get("automountServiceAccountToken", True):
            found.append(f"{container.label}: a token is for pods that watch the API server, and for no others")
    if not refused:  # else nobody knows what it would have watched
        found += _rights_problems(objects, rights)
    found += _selection_problems(objects, opened)
    return found


def _container_problems(container: Container, done: Rehearsal, version: str) -> Iterator[str]:
    yield from container.problems
    for variable in sorted(done.unset):
        yield f"the Corefile uses the variable {variable}, which is not set"
    for path in sorted(done.paths - container.files.keys()):
        if path.rpartition("/")[0] not in container.folders:
            yield f"{path} is not among the container's files"
    if done.refusal:
        yield f"{container.program} refuses to start: {done.refusal}"
        return
    if container.spec["image"].rpartition(":")[2] != version:
        yield f"the image's tag is not the version, {version}"
    if "command" in container.spec:
        yield "the image's own entry point is to be used, not a command"
    if "/etc/resolv.conf" in done.paths and container.pod.get("dnsPolicy") != "Default":
        yield "with this dnsPolicy, /etc/resolv.conf names the cluster's own DNS: a loop"
    resources = container.spec.get("resources", {})
    if not resources.get("requests", {}).keys() >= {"cpu", "memory"} or "memory" not in resources.get("limits", {}):
        yield "resources need requests of cpu and memory, and a limit of memory"
    yield from _port_problems(container, done.listeners)
    yield from security_problems(
        container, {listener.port for listener in done.listeners}, changes_the_node=done.changes_the_node
    )


def _port_problems(container: Container, listeners: set[Listener]) -> Iterator[str]:
    declared = {(port["containerPort"], port.get("protocol", "TCP")) for port in container.spec.get("ports", ())}
    opened = {(listener.port, listener.protocol) for listener in listeners}
    if _surges_on_the_host(container.workload):
        for port, protocol in sorted(declared):
            yield f"port {port}/{protocol} is declared: it would be the host's, and the new pod not fit beside the old"
    else:
        for port, protocol in sorted(declared - opened):
            yield f"port {port}/{protocol} is declared, but nothing listens there"
        for port, protocol in sorted(opened - declared):
            yield f"port {port}/{protocol} is listened on, but not declared"
    for probe in ("livenessProbe", "readinessProbe"):
        if probe not in container.spec:
            yield f"there is no {probe}"
        else:
            yield from _probe_problems(container, probe, listeners)
    annotations = container.workload["spec"]["template"]["metadata"].get("annotations", {})
    yield from _scrape_problems(annotations, listeners)


def _probe_problems(container: Container, probe: str, listeners: set[Listener]) -> Iterator[str]:
    if "exec" in container.spec[probe]:
        command = container.spec[probe]["exec"]["command"]
        if command[:2] != ["test", "-s"] or f"-pidfile={command[-1]}" not in container.arguments:
            yield f"{probe}: the program writes nothing that the command looks at"
        return
    if probe == "readinessProbe" and _surges_on_the_host(container.workload):
        yield f"{probe}: the page is the old pod's until it ends, and says nothing of the new one"
        return
    target = container.spec[probe]["httpGet"]
    named = {port["name"]: port["containerPort"] for port in container.spec.get("ports", ())}
    port = named.get(target["port"], target["port"])
    host = target.get("host", "")
    if host and not (container.pod.get("hostNetwork") and host in _LOOPBACK):
        # The kubelet sends probes, so loopback is its node's.
        yield f"{probe}: {host} is not this pod to the kubelet"
    reached = _ANYWHERE | ({host} if host else container.addresses)
    if not any(
        listener.port == port and listener.path == target["path"] and listener.host in reached for listener in listeners
    ):
        yield f"{probe}: no page {target['path']} is on port {port} of {host or 'the pod'}"


def _surges_on_the_host(workload: Document) -> bool:
    """Whether two of its pods are on one node, and its network, during an update."""
    update = workload["spec"].get("updateStrategy", {}).get("rollingUpdate", {})
    return bool(workload["spec"]["template"]["spec"].get("hostNetwork") and update.get("maxSurge"))


def _scrape_problems(annotations: Mapping[str, str], listeners: set[Listener]) -> Iterator[str]:
    port = annotations.get("prometheus.io/port")
    if port is not None and not any(
        str(listener.port) == port and listener.path == "/metrics" and listener.host not in _LOOPBACK
        for listener in listeners
    ):
        yield f"prometheus.io/port is {port}, where no other machine gets /metrics"


def _rights_problems(objects: Sequence[Document], rights: Mapping[Name, set[tuple[str, str, str]]]) -> Iterator[str]:
    """RBAC: each service account may do what its program does, and nothing else."""
    roles = {name_of(each): each["rules"] for each in objects if each["kind"] in ("ClusterRole", "Role")}
    granted: dict[Name, set[tuple[str, str, str]]] = {account: set() for account in rights}
    bound: set[Name] = set()
    for binding in objects:
        if binding["kind"] not in ("ClusterRoleBinding", "RoleBinding"):
            continue
        kind = binding["roleRef"]["kind"]
        role = Name(kind, binding["metadata"]["namespace"] if kind == "Role" else "", binding["roleRef"]["name"])
        bound.add(role)
        for subject in binding["subjects"]:
            account = Name(subject["kind"], subject["namespace"], subject["name"])
            if role not in roles or account not in granted:
                yield f"{name_of(binding).name} binds {role.name} to {account.name}: one of them is not used here"
                continue
            for rule in roles[role]:
                granted[account] |= {
                    (group, plural, verb)
                    for group in rule["apiGroups"]
                    for plural in rule["resources"]
                    for verb in rule["verbs"]
                }
    for role in sorted(roles.keys() - bound):
        yield f"nobody is bound to {role.name}"
    for account, needed in rights.items():
        for group, plural, verb in sorted(granted[account] - needed):
            yield f"{account.name} may {verb} {plural}.{group}, which its program does not do"
        for group, plural, verb in sorted(needed - granted[account]):
            yield f"{account.name} may not {verb} {plural}.{group}, which its program does"


def _selection_problems(objects: Sequence[Document], opened: Mapping[Name, set[Listener]]) -> Iterator[str]:
    """Selectors that select nothing, and ports of Services that lead nowhere."""
    for document in objects:
        name, spec = name_of(document), document.get("spec", {})
        if name.kind in ("Deployment", "DaemonSet"):
            if not _selects(spec["selector"]["matchLabels"], document):
                yield f"{name.kind} {name.name} does not select its own pods"
            for constraint in spec["template"]["spec"].get("topologySpreadConstraints", ()):
                if not _selects(constraint["labelSelector"]["matchLabels"], document):
                    yield f"{name.kind} {name.name} is not spread by its own labels"
        elif name.kind in ("Service", "PodDisruptionBudget"):
            selector = spec["selector"] if name.kind == "Service" else spec["selector"]["matchLabels"]
            pods = [
                each
                for each in workloads(objects)
                if name_of(each).namespace == name.namespace and _selects(selector, each)
            ]
            if len(pods) != 1:
                yield f"{name.kind} {name.name} selects the pods of {len(pods)} workloads"
            elif name.kind == "Service":
                yield from _service_port_problems(document, pods[0], opened.get(name_of(pods[0]), set()))


def _service_port_problems(service: Document, workload: Document, opened: set[Listener]) -> Iterator[str]:
    name, pod = name_of(service).name, workload["spec"]["template"]["spec"]
    declared = [port for container in pod["containers"] for port in container.get("ports", ())]
    if _surges_on_the_host(workload):
        declared = [{"containerPort": each.port, "protocol": each.protocol} for each in opened]
    ports: set[str] = set()
    for port in service["spec"]["ports"]:
        target, protocol = port.get("targetPort", port["port"]), port.get("protocol", "TCP")
        found = [each for each in declared if each["protocol"] == protocol and target in _names(each)]
        if not found:
            yield f"Service {name}: no container has a port {target}/{protocol}"
        ports.add(str(port["port"]))
        if service["spec"].get("clusterIP") == "None" and port["port"] not in {each["containerPort"] for each in found}:
            yield f"Service {name}: port {port['port']} is not the pods', and a headless Service does not translate"
    scraped = service["metadata"].get("annotations", {}).get("prometheus.io/port")
    if scraped is not None and scraped not in ports:
        yield f"Service {name}: prometheus.io/port {scraped} is none of its ports"


def _names(port: Mapping[str, Any]) -> tuple[Any, Any]:
    return port["containerPort"], port.get("name")


def _selects(selector: Mapping[str, str], workload: Document) -> bool:
    labels = workload["spec"]["template"]["metadata"]["labels"]
    return bool(selector) and selector.items() <= labels.items()
