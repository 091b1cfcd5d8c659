"""What CoreDNS 1.13.1 answered to 66 questions about one small cluster, and that cluster.

`cluster.yaml` holds the cluster's objects without a status, `answers.json` the questions and answers, each section
sorted; an ellipsis stands for the rest of an SOA. The Corefile was

    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods verified
        endpoint_pod_names
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    autopath @kubernetes
    forward . <upstream>

The client asked from 127.0.0.1, which is the pod shop/client. Upstream, `aliyun.com A`, `mirrors.example.org A` and
`mirrors.example.org AAAA` exist, and nothing else.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import yaml

from clusterdns.kube.decode import decode_document
from clusterdns.kube.objects import Pod
from clusterdns.kube.store import Cluster

FOLDER = Path(__file__).parent
POD_ADDRESSES = {"web-0": "10.244.2.20", "client": "127.0.0.1"}

OPTIONS = """
    pods verified
    endpoint_pod_names
    fallthrough in-addr.arpa ip6.arpa
    ttl 30
"""

ROWS: list[dict[str, Any]] = json.loads((FOLDER / "answers.json").read_text(encoding="utf-8"))


def _refuse(text: str) -> None:
    raise AssertionError(text)


def cluster() -> Cluster:
    """The stores filled and synced, pods running at the addresses that they had."""
    made = Cluster(lean=True, pod_names=True)
    for document in yaml.safe_load_all((FOLDER / "cluster.yaml").read_text(encoding="utf-8")):
        for kind, each in decode_document(document, _refuse):
            if isinstance(each, Pod):
                each = msgspec.structs.replace(each, ips=(POD_ADDRESSES[each.name],), phase="Running", ready=True)
            made.store(kind.name).put(each)
    for kind_name in ("Namespace", "Service", "EndpointSlice", "Pod"):
        made.store(kind_name).synced = True
    return made
