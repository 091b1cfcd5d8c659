"""The CRD source: DNSEndpoints to records."""

from __future__ import annotations

import pytest

from clusterdns.kube.objects import DNSEndpoint, RecordSet
from clusterdns.kube.store import Cluster
from externaldns.record import Endpoint
from externaldns.sources.crd import CrdSource
from externaldns.sources.source import collect
from tests.unit.externaldns.sources.building import annotated

LABELS = {"resource": "crd/shop/web"}


def source_of(*sets: RecordSet, annotations: dict[str, str] | None = None) -> CrdSource:
    cluster = Cluster()
    cluster.dns_endpoints.replace(
        [DNSEndpoint(namespace="shop", name="web", record_sets=sets, annotations=annotations or {})]
    )
    return CrdSource(cluster)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (RecordSet("Web.ex.com.", ("192.0.2.2", "192.0.2.1"), "A", ttl=60),
         [Endpoint("web.ex.com", ("192.0.2.1", "192.0.2.2"), "A", ttl=60, labels=LABELS)]),
        (RecordSet("a.ex.com", ("mx.ex.com",), "MX"), [Endpoint("a.ex.com", ("mx.ex.com",), "MX", labels=LABELS)]),
        (RecordSet("a.ex.com", ("b.", "c"), "CNAME"),
         [Endpoint("a.ex.com", ("b.",), "CNAME", labels=LABELS), Endpoint("a.ex.com", ("c",), "CNAME", labels=LABELS)]),
        (RecordSet("a.ex.com", (), "A"), [Endpoint("a.ex.com", (), "A", labels=LABELS)]),
        (RecordSet("a.ex.com", (), "CNAME"), [Endpoint("a.ex.com", (), "CNAME", labels=LABELS)]),
        (RecordSet("a.ex.com", ("192.0.2.1",), "A", "s", 5, {"owner": "me"}, {"alibabacloud/weight": "3"}),
         [Endpoint("a.ex.com", ("192.0.2.1",), "A", "s", 5, LABELS, {"alibabacloud/weight": "3"})]),
        # The property stands for the annotation of that name.
        (RecordSet("a.ex.com", ("192.0.2.1",), "A", provider_specific={"record-type": "ptr", "webhook/x": "1"}),
         [Endpoint("a.ex.com", ("192.0.2.1",), "A", labels={**LABELS, "ptr": "true"},
                   provider_specific={"webhook/x": "1"})]),
        (RecordSet("a.ex.com", ("192.0.2.1",), "A", provider_specific={"record-type": ""}),
         [Endpoint("a.ex.com", ("192.0.2.1",), "A", labels={**LABELS, "ptr": "false"})]),
    ],
)  # fmt: skip
def test_record_sets(given: RecordSet, expected: list[Endpoint]) -> None:
    assert source_of(given).endpoints() == expected


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (RecordSet("a.ex.com", ("192.0.2.1",), "ALIAS"), "'ALIAS' is no record type that is known here"),
        (RecordSet("a.ex.com", ("2001:db8::1",), "A"), "'2001:db8::1' is no IPv4 address"),
        (RecordSet("a.ex.com", ("web",), "AAAA"), "'web' is no IPv6 address"),
        (RecordSet("a.ex.com", ("192.0.2.1.",), "A"), "'192.0.2.1.' is no IPv4 address"),
        (RecordSet("", ("192.0.2.1",), "A"), "the name has 0 characters"),
        (RecordSet("a.ex.com", ("a.ex.com.",), "CNAME"), "the CNAME points at itself"),
    ],
)
def test_one_that_cannot_be_a_record_is_told_and_the_rest_stays(
    given: RecordSet, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = RecordSet("b.ex.com", ("192.0.2.1",), "A")
    collected = collect([source_of(given, good)])
    assert [record.dns_name for record in collected.endpoints] == ["b.ex.com"]
    [told] = caplog.messages
    assert fault in told


def test_one_without_targets_is_no_record_and_no_mistake(caplog: pytest.LogCaptureFixture) -> None:
    collected = collect([source_of(RecordSet("a.ex.com", (), "A"))])
    assert (collected.endpoints, caplog.text) == ((), "")


def test_the_controller_annotation_counts() -> None:
    record = RecordSet("a.ex.com", ("192.0.2.1",), "A")
    assert source_of(record, annotations=annotated(controller="other")).endpoints() == []
    [shared] = source_of(record, annotations=annotated(shared="true")).endpoints()
    assert shared.labels == {**LABELS, "shared": "true"}
