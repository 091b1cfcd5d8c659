"""What holds for every source: which objects are asked, and what annotations say of their records."""

from __future__ import annotations

from typing import Any

import pytest

from clusterdns.kube.label_selector import read_label_selector
from externaldns.record import Endpoint
from externaldns.sources.annotations import ALPHA_PREFIX, GA_PREFIX
from externaldns.sources.readiness import label_of
from externaldns.sources.selection import Selection
from externaldns.sources.source import collect
from tests.unit.externaldns.flags_of_externaldns import SOURCES
from tests.unit.externaldns.sources.building import NAME, annotated, shown
from tests.unit.externaldns.sources.one_object import RESOURCES, source_of

OWN = annotated(hostname=NAME)
RECORD = {f"{NAME} A 10.0.0.2"}
ANNOTATED = sorted(RESOURCES.keys() - {"crd"})
"""The sources whose objects are steered by annotations: a DNSEndpoint says all itself."""


def found(kind: str, annotations: dict[str, str], selection: Selection | None = None, **more: Any) -> set[str]:
    return shown(collect([source_of(kind, annotations, selection, **more)]).endpoints)


def record(kind: str, **annotations: str) -> Endpoint:
    [only] = source_of(kind, OWN | annotated(**annotations)).endpoints()
    return only


@pytest.mark.parametrize("kind", RESOURCES)
def test_the_object_asks_for_its_record_under_its_label(kind: str) -> None:
    assert kind in SOURCES
    assert found(kind, OWN) == RECORD
    assert record(kind) == Endpoint(NAME, ("10.0.0.2",), "A", labels={"resource": RESOURCES[kind]})
    source = source_of(kind, OWN)
    [asking] = source.stores[0]
    assert label_of(source, asking.key) == RESOURCES[kind]


@pytest.mark.parametrize(
    ("selection", "admits"),
    [
        ({"namespace": "shop"}, True),
        ({"namespace": "bank"}, False),
        ({"label_filter": read_label_selector("app=web,tier in (a,b)")}, True),
        ({"label_filter": read_label_selector("app!=web")}, False),
        ({"label_filter": read_label_selector("!app")}, False),
        ({"annotation_filter": read_label_selector("team=red")}, True),
        ({"annotation_filter": read_label_selector("team notin (red)")}, False),
        ({"annotation_filter": read_label_selector("other")}, False),
    ],
)
@pytest.mark.parametrize("kind", RESOURCES)
def test_filters(kind: str, selection: dict[str, Any], admits: bool) -> None:
    labels = {"app": "web", "tier": "a"}
    # A node is in no namespace, so in every one.
    expected = RECORD if admits or (kind == "node" and "namespace" in selection) else set()
    assert found(kind, {**OWN, "team": "red"}, Selection(**selection), labels=labels) == expected


@pytest.mark.parametrize(("controller", "admits"), [("dns-controller", True), ("other", False), ("", False)])
@pytest.mark.parametrize("kind", RESOURCES)
def test_the_controller_annotation(kind: str, controller: str, admits: bool) -> None:
    assert found(kind, OWN | annotated(controller=controller)) == (RECORD if admits else set())


@pytest.mark.parametrize("prefix", [GA_PREFIX, ALPHA_PREFIX])
@pytest.mark.parametrize("kind", RESOURCES)
def test_both_prefixes_are_read(kind: str, prefix: str) -> None:
    assert found(kind, {f"{prefix}hostname": NAME}) == RECORD
    assert found(kind, {f"{prefix}hostname": NAME, f"{prefix}controller": "other"}) == set()


@pytest.mark.parametrize("kind", ["service", "pod", "ingress", "gateway-httproute", "gateway-grpcroute"])
def test_a_prefix_of_ones_own_replaces_both(kind: str) -> None:
    own = Selection(annotation_prefixes=("my.org/",))
    assert found(kind, OWN, own) == set()
    assert found(kind, {"my.org/hostname": NAME}, own) == RECORD
    assert found(kind, OWN, Selection(ignore_hostname_annotation=True)) == set()


@pytest.mark.parametrize(
    ("text", "ttl"), [("30", 30), ("1m30s", 90), ("2147483647", 2147483647), ("0", None), ("500ms", None), ("x", None)]
)
@pytest.mark.parametrize("kind", ANNOTATED)
def test_ttl(kind: str, text: str, ttl: int | None) -> None:
    assert record(kind, ttl=text).ttl == ttl


@pytest.mark.parametrize("kind", ANNOTATED)
def test_what_else_annotations_say(kind: str) -> None:
    only = record(
        kind, set_identifier="blue", alibabacloud_weight="3", webhook_x="y", record_type="ptr", aws_weight="5"
    )
    assert only.set_identifier == "blue"
    assert only.provider_specific == {"alibabacloud/weight": "3", "webhook/x": "y"}
    assert only.labels == {"resource": RESOURCES[kind], "ptr": "true"}


@pytest.mark.parametrize("kind", RESOURCES)
def test_every_object_may_share_its_name(kind: str) -> None:
    assert [record(kind, shared=text).labels.get("shared") for text in ("true", " True ")] == ["true", "true"]
    assert "shared" not in record(kind, shared="yes").labels


def test_no_annotation_steers_a_dnsendpoint() -> None:
    only = record("crd", ttl="30", target="192.0.2.1", set_identifier="blue", alibabacloud_weight="3")
    assert only == Endpoint(NAME, ("10.0.0.2",), "A", labels={"resource": RESOURCES["crd"]})
