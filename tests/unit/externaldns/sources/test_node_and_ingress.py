"""The node source and the ingress source."""

from __future__ import annotations

from typing import Any

import pytest

from clusterdns.kube.label_selector import read_label_selector
from clusterdns.kube.objects import Ingress, Node
from clusterdns.kube.store import Cluster
from externaldns.sources.ingress import IngressOptions, IngressSource
from externaldns.sources.node import NodeOptions, NodeSource
from externaldns.sources.selection import Selection
from tests.unit.externaldns.sources.building import NAME, annotated, records

INTERNAL = (("InternalIP", "10.0.0.1"), ("InternalIP", "fd00::1"))
EXTERNAL = (*INTERNAL, ("ExternalIP", "192.0.2.1"), ("Hostname", "a"))


@pytest.mark.parametrize(
    ("node", "options", "selection", "expected"),
    [
        ({"addresses": EXTERNAL}, {}, {}, {"a A 192.0.2.1"}),
        ({"addresses": INTERNAL}, {}, {}, {"a A 10.0.0.1", "a AAAA fd00::1"}),
        ({"addresses": EXTERNAL}, {"expose_internal_ipv6": True}, {}, {"a A 192.0.2.1", "a AAAA fd00::1"}),
        ({"addresses": INTERNAL}, {"expose_internal_ipv6": True}, {}, {"a A 10.0.0.1", "a AAAA fd00::1"}),
        ({"addresses": ()}, {}, {}, set()),
        ({"addresses": EXTERNAL, "unschedulable": True}, {}, {}, set()),
        ({"addresses": EXTERNAL, "unschedulable": True}, {"exclude_unschedulable": False}, {}, {"a A 192.0.2.1"}),
        ({"addresses": EXTERNAL, "annotations": annotated(target="192.0.2.9")}, {}, {}, {"a A 192.0.2.9"}),
        ({"addresses": EXTERNAL, "annotations": annotated(controller="x")}, {}, {}, set()),
        ({"addresses": EXTERNAL}, {}, {"namespace": "shop"}, {"a A 192.0.2.1"}),
        ({"addresses": EXTERNAL}, {}, {"template": lambda node: (f"{node.name}.ex.com",)}, {"a.ex.com A 192.0.2.1"}),
        ({"addresses": EXTERNAL}, {}, {"template": lambda node: ("b",), "combine_template": True},
         {"a A 192.0.2.1", "b A 192.0.2.1"}),
        ({"addresses": EXTERNAL}, {}, {"pair_template": lambda node: (("b", "192.0.2.7"),)}, {"b A 192.0.2.7"}),
        ({"addresses": ()}, {}, {"pair_template": lambda node: (("b", "lb.ex.net"),), "template": lambda node: ("c",)},
         {"b CNAME lb.ex.net"}),
        ({"addresses": EXTERNAL}, {}, {"pair_template": lambda node: (), "template": lambda node: ("c",)},
         {"c A 192.0.2.1"}),
        ({"addresses": EXTERNAL}, {}, {"pair_template": lambda node: (("b", "192.0.2.7"),), "combine_template": True},
         {"a A 192.0.2.1", "b A 192.0.2.7"}),
    ],
)  # fmt: skip
def test_node(node: dict[str, Any], options: dict[str, Any], selection: dict[str, Any], expected: set[str]) -> None:
    cluster = Cluster()
    cluster.nodes.replace([Node(name="A", **node)])
    assert {line.lower() for line in records(NodeSource(cluster, Selection(**selection), NodeOptions(**options)))} == {
        line.lower() for line in expected
    }


def test_the_ttl_of_a_node_is_its_annotation() -> None:
    cluster = Cluster()
    cluster.nodes.replace([Node(name="a", addresses=EXTERNAL, annotations=annotated(ttl="5"))])
    assert [(record.ttl, record.resource) for record in NodeSource(cluster).endpoints()] == [(5, "node/a")]


RULES: dict[str, Any] = {"hosts": ("r.ex.com",), "tls_hosts": ("t.ex.com", "R.ex.com"), "load_balancer": ("192.0.2.1",)}
R, T, H = "r.ex.com A 192.0.2.1", "t.ex.com A 192.0.2.1", f"{NAME} A 192.0.2.1"


@pytest.mark.parametrize(
    ("annotations", "options", "selection", "expected"),
    [
        ({}, {}, {}, {R, T}),
        ({}, {"ignore_tls": True}, {}, {R}),
        ({}, {"ignore_rules": True, "ignore_tls": True}, {}, set()),
        (annotated(hostname=NAME), {}, {}, {R, T, H}),
        (annotated(hostname=NAME), {}, {"ignore_hostname_annotation": True}, {R, T}),
        (annotated(hostname=NAME, ingress_hostname_source="annotation-only"), {}, {}, {H}),
        (annotated(hostname=NAME, ingress_hostname_source="defined-hosts-only"), {}, {}, {R, T}),
        (annotated(hostname=NAME, ingress_hostname_source="Annotation-Only"), {}, {}, {H}),
        (annotated(hostname=NAME, ingress_hostname_source="nonsense"), {}, {}, {R, T, H}),
        (annotated(hostname=NAME, ingress_hostname_source="annotation-only"), {}, {"ignore_hostname_annotation": True},
         set()),
        (annotated(target="lb.ex.net"), {}, {}, {"r.ex.com CNAME lb.ex.net", "t.ex.com CNAME lb.ex.net"}),
        (annotated(controller="x"), {}, {}, set()),
        ({}, {"classes": ("nginx",)}, {}, {R, T}),
        ({}, {"classes": ("alb",)}, {}, set()),
        ({}, {}, {"label_filter": read_label_selector("app=web")}, {R, T}),
        ({}, {}, {"label_filter": read_label_selector("app!=web")}, set()),
        ({"team": "a"}, {}, {"annotation_filter": read_label_selector("team in (a)")}, {R, T}),
        ({}, {}, {"annotation_filter": read_label_selector("team in (a)")}, set()),
        ({}, {}, {"template": lambda ingress: ("x.ex.com",)}, {R, T}),
        ({}, {"ignore_rules": True, "ignore_tls": True}, {"template": lambda ingress: ("x.ex.com",)},
         {"x.ex.com A 192.0.2.1"}),
        ({}, {}, {"template": lambda ingress: ("x.ex.com",), "combine_template": True}, {R, T, "x.ex.com A 192.0.2.1"}),
        ({}, {}, {"pair_template": lambda ingress: (("x.ex.com", "192.0.2.7"),)}, {R, T}),
        ({}, {"ignore_rules": True, "ignore_tls": True},
         {"pair_template": lambda ingress: (("x.ex.com", "192.0.2.7"),), "template": lambda ingress: ("y.ex.com",)},
         {"x.ex.com A 192.0.2.7"}),
        ({}, {"ignore_tls": True},
         {"pair_template": lambda ingress: (("x.ex.com", "192.0.2.7"),), "template": lambda ingress: ("y.ex.com",),
          "combine_template": True}, {R, "x.ex.com A 192.0.2.7", "y.ex.com A 192.0.2.1"}),
        ({}, {}, {"namespace": "other"}, set()),
    ],
)  # fmt: skip
def test_ingress(
    annotations: dict[str, str], options: dict[str, Any], selection: dict[str, Any], expected: set[str]
) -> None:
    cluster = Cluster()
    cluster.ingresses.replace([
        Ingress(namespace="shop", name="web", labels={"app": "web"}, annotations=annotations, ingress_class="nginx",
                **RULES)
    ])  # fmt: skip
    assert records(IngressSource(cluster, Selection(**selection), IngressOptions(**options))) == expected


def test_an_ingress_without_address_yet_asks_for_nothing() -> None:
    cluster = Cluster()
    cluster.ingresses.replace([Ingress(namespace="shop", name="web", hosts=("r.ex.com",))])
    assert records(IngressSource(cluster)) == set()
