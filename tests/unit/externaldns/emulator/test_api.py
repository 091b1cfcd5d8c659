"""Operations without HTTP: what depends on time, on the transaction and on the bounds of what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from clusterdns.limits import PRIVATEZONE_CHANGE_LOGS, PRIVATEZONE_ZONE_RECORDS
from externaldns.providers.privatezone.emulator.api import OPERATIONS, VERSION, execute, find_operation
from externaldns.providers.privatezone.emulator.call import Call, Response
from externaldns.providers.privatezone.emulator.failure import ApiFailure
from externaldns.providers.privatezone.emulator.parameters import Page, Parameters
from externaldns.providers.privatezone.emulator.store import Store

DAY_MS = 86400 * 1000
PACKAGE = "externaldns.providers.privatezone.emulator"


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(":memory:")
    yield store
    store.close()


def call(store: Store, action: str, at_ms: int = 0, **parameters: str) -> Response:
    return execute(action, find_operation(action, VERSION), Call(store, Parameters(parameters), at_ms, "10.0.0.7"))


def zone(store: Store) -> str:
    return str(call(store, "AddZone", ZoneName="demo.internal")["ZoneId"])


def add(store: Store, zone_id: str, value: str = "10.0.0.1", at_ms: int = 0, **parameters: str) -> Response:
    return call(store, "AddZoneRecord", at_ms, ZoneId=zone_id, Rr="web", Type="A", Value=value, **parameters)


def test_times_are_those_of_the_call(store: Store) -> None:
    zone_id = zone(store)
    record_id = str(add(store, zone_id, at_ms=1516677300123)["RecordId"])
    call(store, "UpdateRecordRemark", 1516775741000, RecordId=record_id, Remark="x")
    row = call(store, "DescribeZoneRecord", RecordId=record_id)
    assert (row["CreateTime"], row["CreateTimestamp"]) == ("2018-01-23T03:15Z", 1516677300123)
    assert (row["UpdateTime"], row["UpdateTimestamp"]) == ("2018-01-24T06:35Z", 1516775741000)
    assert call(store, "DescribeZoneInfo", ZoneId=zone_id)["UpdateTimestamp"] == 1516775741000


@pytest.mark.parametrize(("later", "repeated"), [(0, True), (DAY_MS, True), (DAY_MS + 1, False)])
def test_a_client_token_lasts_a_day(store: Store, later: int, repeated: bool) -> None:
    zone_id = zone(store)
    first = add(store, zone_id, ClientToken="t")
    if repeated:
        assert add(store, zone_id, at_ms=later, ClientToken="t") == first
    else:
        with pytest.raises(ApiFailure, match=r"Record\.Invalid\.Conflict"):
            add(store, zone_id, at_ms=later, ClientToken="t")


def test_a_token_belongs_to_its_action(store: Store) -> None:
    zone_id = zone(store)
    call(store, "UpdateZoneRemark", ZoneId=zone_id, Remark="x", ClientToken="t")
    with pytest.raises(ApiFailure, match="IdempotentParameterMismatch"):
        call(store, "BindZoneVpc", ZoneId=zone_id, Remark="x", ClientToken="t")


def test_a_write_that_fails_half_way_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    zone_id = zone(store)

    def fail(*_: object) -> None:
        raise OSError("disk")

    with monkeypatch.context() as patched:
        patched.setattr(store, "log", fail)
        with pytest.raises(OSError, match="disk"):
            add(store, zone_id)
    assert call(store, "DescribeZoneInfo", ZoneId=zone_id)["RecordCount"] == 0
    assert store.list_records(zone_id, "", "LIKE", Page(1, 20)) == ([], 0)
    assert add(store, zone_id)["Success"]


def test_the_change_log_keeps_the_newest(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{PACKAGE}.store.PRIVATEZONE_CHANGE_LOGS", replace(PRIVATEZONE_CHANGE_LOGS, default=3))
    zone_id = zone(store)
    for number in range(5):
        add(store, zone_id, f"10.0.0.{number}", at_ms=number)
    changes, total = store.list_changes("", "", "", 0, 10, Page(1, 20))
    assert total == 3
    assert [change.at_ms for change in changes] == [4, 3, 2]
    assert changes[0].content == "add record web A default 10.0.0.4 (ttl:60)"
    assert changes[0].client == "10.0.0.7"


def test_the_quota_counts_the_records_that_are_there(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{PACKAGE}.rules.PRIVATEZONE_ZONE_RECORDS", replace(PRIVATEZONE_ZONE_RECORDS, maximum=2))
    zone_id = zone(store)
    first = add(store, zone_id, "10.0.0.1")["RecordId"]
    add(store, zone_id, "10.0.0.2")
    with pytest.raises(ApiFailure, match=r"QuotaExceeded\.Record: A zone holds at most 2 records\."):
        add(store, zone_id, "10.0.0.3")
    call(store, "DeleteZoneRecord", RecordId=str(first))
    assert add(store, zone_id, "10.0.0.3")["Success"]


def test_a_deleted_zone_takes_its_records_along(store: Store) -> None:
    zone_id = zone(store)
    record_id = str(add(store, zone_id)["RecordId"])
    call(store, "DeleteZone", ZoneId=zone_id)
    with pytest.raises(ApiFailure, match=r"Record\.NotExists"):
        call(store, "DescribeZoneRecord", RecordId=record_id)


@pytest.mark.parametrize("action", sorted(OPERATIONS))
def test_every_operation_answers_a_call_without_parameters(store: Store, action: str) -> None:
    try:
        response = call(store, action)
    except ApiFailure as refused:
        assert refused.code.startswith("Missing"), refused.code  # noqa: PT017
    else:
        assert isinstance(response, dict)


@pytest.mark.parametrize(
    ("action", "version", "code"),
    [("AddZone", "2015-01-09", "InvalidVersion"), ("addZone", VERSION, "InvalidAction.NotFound")],
)
def test_unknown_operations(action: str, version: str, code: str) -> None:
    with pytest.raises(ApiFailure) as refused:
        find_operation(action, version)
    assert refused.value.code == code
