"""Broken bases: each row changes one thing, and says what the checks must tell. A check that can't fail has no row."""

from __future__ import annotations

import pytest

from tests.unit.manifests.checks import problems
from tests.unit.manifests.documents import read_base
from tests.unit.manifests.readme import SECRETS, VERSION

_SECRET_MOUNT = "- {name: alibaba-cloud, mountPath: /etc/kubernetes, readOnly: true}"
_SYSCTL = "sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: 0}]"
_BUDGET = "maxUnavailable: 1\n  selector:\n    matchLabels:\n      k8s-app: "
_PORTS = "ports: [{name: dns, containerPort: 53, protocol: UDP}]"
_EXEC = "exec: {command: [test, -s, /run/nodelocal/pid]}"
_ROWS = [
    # Flags.
    ("nodelocal", "-conf=", "-config=", "nodelocal refuses to start: nodelocal: unknown flag -config"),
    ("nodelocal", "[NET_ADMIN, NET_BIND_SERVICE]", "[NET_BIND_SERVICE]", "interface and rules need NET_ADMIN"),
    (
        "nodelocal",
        "- -pidfile",
        "- -setupiptables=false\n        - -setupinterface=false\n        - -pidfile",
        "NET_ADMIN is added, and not needed",
    ),
    ("nodelocal", "$(KUBE_DNS_SERVICE_HOST)", "node-1", '-localip: "node-1" is not an IP address'),
    ("nodelocal", "$(KUBE_DNS_SERVICE_HOST)", "$(NODE_IP)", "uses the variable NODE_IP, which is not set"),
    ("autopath", "-conf=", "-corefile=", "autopath refuses to start: autopath: unknown flag -corefile"),
    ("externaldns", "--policy=upsert-only", "--policy=upsert", "--policy: 'upsert' is none of"),
    ("externaldns", "- --policy=upsert-only", "", "--policy: is required"),
    ("externaldns", "--registry=txt", "--compatibility=mate", "--compatibility: this flag of ExternalDNS's"),
    # Corefiles.
    ("nodelocal", "autopath @node\n", "autopath @nodes\n", 'unknown search list "@nodes"'),
    ("nodelocal", "errors", "kubernetes cluster.local", "the directive kubernetes of CoreDNS is not supported here"),
    ("autopath", "errors", "error", 'unknown directive "error"'),
    ("autopath", "kubernetes cluster.local", "#", "/etc/coredns/Corefile:"),
    ("autopath", "trusted 10.0.0.0/8", "trusted 10.0.0.1/8", "has host bits set"),
    # Variables.
    ("nodelocal", "{$KUBE_DNS_UPSTREAM_SERVICE_HOST}", "{$KUBE_DNS_SERVICE}", "KUBE_DNS_SERVICE, which is not set"),
    ("nodelocal", "name: kube-dns-upstream", "name: kube-dns-up", "KUBE_DNS_UPSTREAM_SERVICE_HOST"),
    ("nodelocal", "hostNetwork: true", "hostNetwork: true\n      enableServiceLinks: false", "DNS_SERVICE_HOST, which"),
    ("autopath", "cache 30", "cache 30 {$ZONE}", "the Corefile uses the variable ZONE, which is not set"),
    (
        "autopath",
        "args:",
        "env: [{name: A, valueFrom: {fieldRef: {fieldPath: x}}}]\n        args:",
        "no field x is known",
    ),
    # Files.
    ("nodelocal", "-conf=/etc/coredns/Corefile", "-conf=/etc/Corefile", "/etc/Corefile is not among the container's"),
    ("nodelocal", "mountPath: /etc/coredns", "mountPath: /etc/core", "the Corefile can't be read"),
    ("nodelocal", "path: Corefile}", "path: Corefile.base}", "the Corefile can't be read"),
    ("nodelocal", "key: Corefile,", "key: corefile,", "the volume config-volume has no corefile in it"),
    ("autopath", "name: config-volume, m", "name: config, m", "the volume config, which the pod has not"),
    ("autopath", "configMap:\n          name: coredns", "configMap:\n          name: core", "made of nothing that is"),
    (
        "autopath",
        "configMap:\n          name: coredns",
        "emptyDir:\n          medium: Memory",
        "made of nothing that is",
    ),
    ("autopath", "mountPath: /etc/coredns, readOnly: true", "mountPath: /etc/coredns", "to be written to"),
    ("autopath", "forward . /etc/resolv.conf", "forward . /run/resolv.conf", "/run/resolv.conf is not among"),
    ("autopath", "loadbalance", "hosts /etc/coredns/hosts", "/etc/coredns/hosts is not among"),
    ("externaldns", "mountPath: /etc/kubernetes", "mountPath: /etc/cloud", "alibaba-cloud.json: can't be read"),
    ("externaldns", "secretName: external-dns-a", "secretName: a", "made of nothing that is there"),
    ("externaldns", f"volumeMounts:\n        {_SECRET_MOUNT}", "", "nothing mounts the volume alibaba-cloud"),
    # DNS of the pods.
    ("autopath", "dnsPolicy: Default", "dnsPolicy: ClusterFirst", "names the cluster's own DNS: a loop"),
    ("nodelocal", "      dnsPolicy: Default\n", "", "names the cluster's own DNS: a loop"),
    # Ports, probes, metrics.
    ("autopath", "containerPort: 9153", "containerPort: 9253", "port 9253/TCP is declared, but nothing listens"),
    ("autopath", "- {name: dns, containerPort: 53, protocol: UDP}", "", "port 53/UDP is listened on, but not declared"),
    ("nodelocal", "livenessProbe:", f"{_PORTS}\n        livenessProbe:", "the new pod not fit beside the old"),
    ("nodelocal", "[test, -s, /run", "[test, -s, /tmp", "readinessProbe: the program writes nothing that the command"),
    ("nodelocal", _EXEC, "httpGet: {host: 127.0.0.1, path: /health, port: 8080}", "the page is the old pod's until it"),
    ("nodelocal", "name: pid, mountPath: /run/nodelocal", "name: pid, mountPath: /run/node", "/run/nodelocal/pid is"),
    ("nodelocal", "path: /health", "path: /healthz", "livenessProbe: no page /healthz is on port 8080 of 127.0.0.1"),
    ("nodelocal", "{host: 127.0.0.1, path: /health", "{path: /health", "no page /health is on port 8080 of the pod"),
    ("autopath", "{path: /health", "{host: 127.0.0.1, path: /health", "127.0.0.1 is not this pod to the kubelet"),
    ("autopath", "        ready\n", "        ready :8182\n", "readinessProbe: no page /ready is on port 8181"),
    ("externaldns", "containerPort: 7979", "containerPort: 7978", "livenessProbe: no page /healthz is on port 7978"),
    ("externaldns", "readinessProbe", "startupProbe", "there is no readinessProbe"),
    ("externaldns", '"7979"', '"7978"', "prometheus.io/port is 7978, where no other machine gets /metrics"),
    ("autopath", "prometheus :9153", "prometheus :9154", "port 9154/TCP is listened on, but not declared"),
    # Services, selectors.
    ("autopath", "targetPort: dns-tcp", "targetPort: dns", "Service kube-dns: no container has a port dns/TCP"),
    ("autopath", "port: 9153, protocol: TCP, t", "port: 9154, protocol: TCP, t", "prometheus.io/port 9153 is none"),
    ("nodelocal", "targetPort: 53}", "targetPort: 54}", "Service kube-dns-upstream: no container has a port 54/UDP"),
    ("nodelocal", "port: 9253, protocol: TCP, t", "port: 9, protocol: TCP, t", "port 9 is not the pods', and a head"),
    ("nodelocal", "k8s-app: kube-dns\n  ports", "k8s-app: dns\n  ports", "kube-dns-upstream selects the pods of 0"),
    ("autopath", f"{_BUDGET}kube-dns", f"{_BUDGET}dns", "PodDisruptionBudget coredns selects the pods of 0"),
    ("autopath", "{matchLabels: {k8s-app: kube-dns}}", "{matchLabels: {app: dns}}", "is not spread by its own labels"),
    ("externaldns", "matchLabels:\n      app", "matchLabels:\n      App", "external-dns does not select its own pods"),
    # RBAC.
    ("rbac", "[namespaces, pods, services]", "[namespaces, services]", "coredns may not list pods., which its"),
    ("rbac", "[nodes, pods, services]", "[nodes, pods, secrets, services]", "may list secrets., which its program"),
    ("rbac", "verbs: [list, watch]", "verbs: [get, list, watch]", "coredns may get namespaces., which its program"),
    ("rbac", "verbs: [list, watch]", "verbs: [list]", "coredns may not watch endpointslices.discovery.k8s.io"),
    ("rbac", "verbs: [list, watch]", "verbs: ['*']", "coredns may * pods., which its program does not do"),
    ("rbac", "  name: coredns\n", "  name: core\n", "the service account coredns is not there"),
    ("rbac", "  name: external-dns\n  namespace: external-dns\n", "  name: a\n  namespace: b\n", "is not used here"),
    ("rbac", "  name: system:coredns\nrules", "  name: system:dns\nrules", "nobody is bound to system:dns"),
    ("autopath", "pods verified", "pods insecure", "coredns may list pods., which its program does not"),
    ("nodelocal", "autopath @node\n", "", "a token is for pods that watch the API server"),
    # Rights on the node.
    ("nodelocal", "[NET_ADMIN, NET_BIND_SERVICE]", "[NET_ADMIN]", "port 53 of the host is for root with NET_BIND"),
    ("nodelocal", "runAsUser: 0", "runAsUser: 65532", "port 53 of the host is for root with NET_BIND_SERVICE"),
    ("autopath", 'port_start, value: "53"', 'port_start, value: "54"', "port 53 needs the sysctl net.ipv4.ip_unpriv"),
    ("autopath", "drop: [ALL]", "drop: [ALL], add: [NET_RAW]", "['NET_RAW'] is added, and not needed"),
    ("autopath", "runAsUser: 65532", "runAsUser: 0", "it runs as root, and need not"),
    ("externaldns", "runAsNonRoot: true", _SYSCTL, "port_start is set, and not needed"),
    ("nodelocal", "seccompProfile:", f"{_SYSCTL}\n        #", "the kubelet refuses the sysctl"),
    ("externaldns", "seccompProfile: {type: RuntimeDefault}", "", "seccompProfile is not RuntimeDefault"),
    ("externaldns", "allowPrivilegeEscalation: false", "privileged: true", "privileged is set"),
    ("externaldns", "allowPrivilegeEscalation: false", "", "allowPrivilegeEscalation is not false"),
    ("externaldns", "readOnlyRootFilesystem: true", "", "readOnlyRootFilesystem is not true"),
    ("externaldns", "capabilities: {drop: [ALL]}", "", "capabilities are not dropped"),
    # Images, resources, lists of objects.
    ("autopath", "autopath:0.1.0", "autopath:latest", "the image's tag is not the version"),
    ("autopath", "autopath:0.1.0", "autopath", "the image's tag is not the version"),
    ("autopath", "clusterdns/autopath", "coredns/coredns", "the image coredns/coredns:0.1.0 is none of our programs'"),
    ("autopath", "args:", "command: [sh]\n        args:", "the image's own entry point is to be used"),
    ("autopath", "limits: {memory: 512Mi}", "", "resources need requests of cpu and memory, and a limit of memory"),
    ("nodelocal", "requests: {cpu: 25m, m", "requests: {m", "resources need requests of cpu and memory"),
    ("kustomization", "- rbac.yaml\n", "", "kustomization.yaml lists rbac.yaml 0 times"),
    ("kustomization", "- rbac.yaml\n", "- rbac.yaml\n- rbac.yaml\n", "kustomization.yaml lists rbac.yaml 2 times"),
    ("kustomization", "- rbac.yaml\n", "- rbac.yaml\n- helm.yaml\n", "lists helm.yaml, which is not there"),
    ("nodelocal", "name: kube-dns-upstream", "name: node-local-dns", "Service node-local-dns is there twice"),
    ("rbac", "  name: system:coredns\nrules", "  name: system:coredns\n  namespace: a\nrules", "has a namespace"),
    ("nodelocal", "  namespace: kube-system\ndata", "data", "ConfigMap node-local-dns has no namespace"),
]


@pytest.mark.parametrize(("file", "old", "new", "told"), _ROWS)
def test_what_is_broken_is_told(file: str, old: str, new: str, told: str) -> None:
    sources = read_base()
    name = f"{file}.yaml"
    assert old in sources[name], "this row changes nothing"
    found = problems(sources | {name: sources[name].replace(old, new)}, SECRETS, version=VERSION)
    assert any(told in problem for problem in found), found
