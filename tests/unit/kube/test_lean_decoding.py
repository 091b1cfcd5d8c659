"""What a lean cluster keeps comes out of bytes in one step as it does of whole objects in two, whatever comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.kube.decode import Put, decode_event
from clusterdns.kube.lean import OWN_ANNOTATIONS
from clusterdns.kube.objects import Named
from clusterdns.kube.store import Cluster
from clusterdns.kube.trim import IMPORTED_SERVICE_LABEL, SERVICE_NAME_LABEL, SOURCE_CLUSTER_LABEL, TRIGGER_ANNOTATION

TIMES = st.sampled_from(["", "2026-11-22T00:50:22Z", "2026-11-22T00:50:22.123456Z", "yesterday"])
ADDRESSES = st.sampled_from(
    ["10.244.0.1", "10.244.0.2", "10.0.0.300", "", "fd00:10::a", "FD00:10:0::A", "::ffff:10.1.2.3", "fe80::1%eth0", "x"]
)
TEXTS = st.sampled_from(["", "a", "web", '\u00e9"\\\n'])
FLAGS = st.booleans() | st.none()


def document(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object of which any field may be there, be null, or not be there."""
    return st.fixed_dictionaries({}, optional={name: st.none() | value for name, value in fields.items()})


def metadata(labels: list[str], annotations: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    more = document(
        namespace=TEXTS,
        uid=TEXTS,
        resourceVersion=st.just("7"),
        labels=st.dictionaries(st.sampled_from(labels), TEXTS),
        annotations=st.dictionaries(st.sampled_from(annotations), TEXTS | TIMES),
        deletionTimestamp=TIMES,
        creationTimestamp=TIMES,
    )
    return more.map(lambda fields: {"name": "n", **fields})


OPTIONS = st.lists(document(name=st.sampled_from(["ndots", "edns0"]), value=st.sampled_from(["1", "99", "x"])))
PODS = st.fixed_dictionaries(
    {"metadata": metadata(["a"], [f"{OWN_ANNOTATIONS}autopath", "example.org/a"])},
    optional={
        "spec": document(
            nodeName=TEXTS,
            hostNetwork=FLAGS,
            dnsPolicy=st.sampled_from(["ClusterFirst", "ClusterFirstWithHostNet", "None", "Default", ""]),
            dnsConfig=document(searches=st.lists(TEXTS, max_size=3), options=OPTIONS),
        ),
        "status": document(
            phase=st.sampled_from(["Pending", "Running", "Succeeded", "Failed", ""]),
            podIP=ADDRESSES,
            podIPs=st.lists(document(ip=ADDRESSES), max_size=3),
            hostIP=ADDRESSES,
            startTime=TIMES,
        ),
    },
)
ENDPOINTS = document(
    addresses=st.lists(ADDRESSES, max_size=3),
    conditions=document(ready=FLAGS, serving=FLAGS, terminating=FLAGS),
    hostname=TEXTS,
    nodeName=TEXTS,
    zone=TEXTS,
    targetRef=document(kind=st.sampled_from(["Pod", ""]), name=TEXTS),
)
SLICES = st.fixed_dictionaries(
    {
        "metadata": metadata(
            [SERVICE_NAME_LABEL, IMPORTED_SERVICE_LABEL, SOURCE_CLUSTER_LABEL], [TRIGGER_ANNOTATION, "example.org/a"]
        )
    },
    optional={
        "addressType": st.sampled_from(["IPv4", "IPv6", "FQDN", ""]) | st.none(),
        "endpoints": st.lists(ENDPOINTS, max_size=4) | st.none(),
        "ports": st.lists(document(name=TEXTS, port=st.integers(0, 65535), protocol=TEXTS), max_size=2) | st.none(),
    },
)
SERVICES = st.fixed_dictionaries(
    {"metadata": metadata(["a"], ["example.org/a"])},
    optional={
        "spec": document(
            type=st.sampled_from(["ClusterIP", "ExternalName", "LoadBalancer"]),
            clusterIP=ADDRESSES | st.just("None"),
            clusterIPs=st.lists(ADDRESSES | st.just("None"), max_size=2),
            externalName=TEXTS,
            externalIPs=st.lists(ADDRESSES, max_size=2),
            ports=st.lists(st.fixed_dictionaries({"port": st.integers(0, 65535)}), max_size=2),
        )
    },
)


def put(cluster: Cluster, kind: str, document: dict[str, Any], *, directly: bool) -> Named:
    """The object as the store of `cluster` keeps it."""
    form = cluster.store(kind).form
    assert form is not None
    line = json.dumps({"type": "ADDED", "object": document}).encode()
    event = decode_event(kind, line, lambda note: None, form.from_raw if directly else None)
    assert isinstance(event, Put)
    kept: Named = event.object if directly else form.of(event.object)
    return kept


@pytest.mark.parametrize("pod_names", [False, True])
@given(data=st.data())
@pytest.mark.parametrize(("kind", "documents"), [("Pod", PODS), ("EndpointSlice", SLICES), ("Service", SERVICES)])
def test_in_one_step_as_in_two(
    kind: str, documents: st.SearchStrategy[dict[str, Any]], pod_names: bool, data: st.DataObject
) -> None:
    cluster = Cluster(lean=True, pod_names=pod_names)
    found = data.draw(documents)
    assert put(cluster, kind, found, directly=True) == put(cluster, kind, found, directly=False)
