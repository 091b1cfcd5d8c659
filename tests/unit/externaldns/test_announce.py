"""Events about objects: which are made, and that one error is told once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from clusterdns.errors import ClusterDNSError
from clusterdns.kube.access import Access
from clusterdns.kube.api import ApiServer
from clusterdns.kube.events import Event, EventRecorder, ObjectReference
from clusterdns.limits import EXTERNALDNS_REMEMBERED_ERRORS
from externaldns.announce import REASONS, Announcer, reference
from externaldns.changes import ChangeResult, NameChange, RecordChange
from externaldns.mistakes import NoRecord
from externaldns.record import RESOURCE_LABEL, Endpoint
from tests.support import virtual_time
from tests.support.apiserver import ApiServerDouble
from tests.support.background import in_background

WEB = Endpoint("web.ex.com", ("192.0.2.1",), "A", labels={RESOURCE_LABEL: "service/shop/web"})
TEXT = '"heritage=external-dns,external-dns/owner=me,external-dns/resource=service/shop/web"'
OWNERSHIP = Endpoint("a-web.ex.com", (TEXT,), "TXT", labels={RESOURCE_LABEL: "service/shop/web"})
SEALED = replace(OWNERSHIP, targets=('"c2VhbGVk"',))
ABOUT = ObjectReference("v1", "Service", "shop", "web")


def result(*steps: RecordChange, error: str = "") -> ChangeResult:
    return ChangeResult(NameChange("web.ex.com", steps), ClusterDNSError(error) if error else None)


def told(*results: ChangeResult, reasons: tuple[str, ...] = REASONS) -> list[Event]:
    events: list[Event] = []
    announcer = Announcer(reasons, events.append)
    for each in results:
        announcer.applied([each], {})
    return events


@pytest.mark.parametrize("ownership", [OWNERSHIP, SEALED], ids=["plain", "encrypted"])
def test_each_record_is_told_and_no_ownership_record(ownership: Endpoint) -> None:
    made = result(RecordChange(None, ownership), RecordChange(None, WEB))
    gone = result(RecordChange(WEB, None), RecordChange(ownership, None))
    assert told(made, gone) == [
        Event(ABOUT, "RecordReady", "create web.ex.com A 192.0.2.1 by externaldns"),
        Event(ABOUT, "RecordDeleted", "delete web.ex.com A 192.0.2.1 by externaldns"),
    ]


def test_an_error_is_told_until_it_changes_or_heals() -> None:
    change = RecordChange(None, WEB)
    events = told(
        *(result(change, error=text) for text in ("busy", "busy", "refused", "refused")),
        result(change),
        result(change, error="refused"),
    )
    assert [(event.reason, event.message.partition(": ")[2]) for event in events] == [
        ("RecordError", "busy"),
        ("RecordError", "refused"),
        ("RecordReady", ""),
        ("RecordError", "refused"),
    ]
    assert all(event.warning for event in events if event.reason == "RecordError")


def test_each_object_is_told_of_the_error_that_its_name_has() -> None:
    other = replace(WEB, labels={RESOURCE_LABEL: "service/shop/other"})
    results = [result(RecordChange(None, each), error="no address") for each in (WEB, other, WEB, other)]
    assert [event.about.name for event in told(*results)] == ["web", "other"]


def test_a_mistake_that_is_made_again_is_told_again() -> None:
    mistake = ChangeResult(NameChange("", (RecordChange(None, WEB),)), NoRecord("the template can't be made"))
    message = "the template can't be made"
    assert [(event.about, event.message) for event in told(mistake, mistake)] == [(ABOUT, message)] * 2


def test_objects_that_come_and_go_under_a_name_that_fails_are_not_all_remembered() -> None:
    most = EXTERNALDNS_REMEMBERED_ERRORS.default_int
    steps = [RecordChange(None, replace(WEB, labels={RESOURCE_LABEL: f"pod/shop/p{n}"})) for n in range(most + 1)]
    failed = [result(step, error="refused") for step in steps]
    assert len(told(*failed, failed[1], failed[0])) == most + 2, "all but the oldest are remembered"


def test_no_more_errors_are_remembered_than_the_limit_says() -> None:
    most = EXTERNALDNS_REMEMBERED_ERRORS.default_int
    step = RecordChange(None, WEB)
    failed = [ChangeResult(NameChange(f"h{number}", (step,)), ClusterDNSError("no")) for number in range(most + 1)]
    assert len(told(*failed, *failed[1:])) == most + 1, "all but the oldest are remembered"
    assert len(told(*failed, failed[0])) == most + 2
    again = (failed[0], *failed[:-1], failed[0], failed[-1], failed[0])
    assert len(told(*again)) == most + 1, "what failed a moment ago is not the oldest"


def test_only_what_was_asked_for_is_told() -> None:
    change = RecordChange(None, WEB)
    assert told(result(change), reasons=("RecordError",)) == []
    assert [event.reason for event in told(result(change, error="x"), reasons=("RecordError",))] == ["RecordError"]


def test_an_answer_is_told_with_its_seconds() -> None:
    events: list[Event] = []
    Announcer(REASONS, events.append).answered(WEB, 0.4242)
    assert events == [Event(ABOUT, "RecordAnswered", "web.ex.com A is answered 0.42 s after the change")]


@pytest.mark.parametrize(
    ("resource", "about"),
    [
        ("service/shop/web", ABOUT),
        ("node/node-a", ObjectReference("v1", "Node", "", "node-a")),
        ("ingress/shop/web", ObjectReference("networking.k8s.io/v1", "Ingress", "shop", "web")),
        ("crd/shop/web", ObjectReference("externaldns.k8s.io/v1alpha1", "DNSEndpoint", "shop", "web")),
        ("", None),
        ("service", None),
        ("spaceship/shop/web", None),
    ],
)
def test_the_object_that_a_resource_names(resource: str, about: ObjectReference | None) -> None:
    assert reference(resource) == about


def test_events_reach_the_api_server_and_a_refusal_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        async with ApiServerDouble() as double:
            server = ApiServer(Access(double.kubeconfig(tmp_path)))
            recorder = EventRecorder(server, "external-dns", "pod-0", wall_clock=lambda: 1e9)
            async with in_background(recorder.run()):
                recorder.post(Event(ABOUT, "RecordReady", "made"))
                node = ObjectReference("v1", "Node", "", "node-a")
                recorder.post(Event(node, "RecordError", "x" * 5000, warning=True))
                await double.until(lambda: len(double.written.all("Event")) == 2)
                double.refusals["events"] = 403
                for _ in range(3):
                    recorder.post(Event(ABOUT, "RecordReady", "made"))
                await double.until(lambda: len(double.requests) == 5)
                await asyncio.sleep(1)
            await server.close()
            assert recorder.lost == 3
            second, first = sorted(double.written.all("Event"), key=lambda each: each["type"], reverse=True)
            about = {"apiVersion": "v1", "kind": "Service", "name": "web", "namespace": "shop"}
            assert first["involvedObject"] == about
            assert (first["reason"], first["message"], first["lastTimestamp"]) == (
                "RecordReady",
                "made",
                "2001-09-09T01:46:40Z",
            )
            assert second["metadata"]["namespace"] == "default"
            assert len(second["message"]) == 1024

    virtual_time.run(body())
    assert [record.message for record in caplog.records if "events can't be posted" in record.message] != []
    assert caplog.text.count("events can't be posted") == 1


def test_too_many_events_are_dropped_and_counted() -> None:
    async def body() -> None:
        recorder = EventRecorder(ApiServer(), "external-dns", "pod-0")
        for _ in range(1005):
            recorder.post(Event(ABOUT, "RecordReady", "made"))
        assert recorder.lost == 5

    virtual_time.run(body())
