"""The provider against the API in memory: what is read, and which calls are made in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from clusterdns.errors import ClusterDNSError
from externaldns.changes import ChangeResult, NameChange, RecordChange
from externaldns.domain_filter import DomainFilter
from externaldns.providers.privatezone.api import Page, Row
from externaldns.providers.privatezone.calls import Calls
from externaldns.providers.privatezone.failure import UNREACHABLE, PrivateZoneError
from externaldns.providers.privatezone.gateway import WriteGateway
from externaldns.providers.privatezone.listing import list_all
from externaldns.providers.privatezone.provider import PrivateZoneProvider
from externaldns.providers.privatezone.zones import ZoneChoice
from externaldns.providers.provider import Snapshot
from externaldns.record import Endpoint
from tests.support import virtual_time
from tests.unit.externaldns.privatezone.memory_api import MemoryApi, fail, lost_answer


@contextmanager
def provider_of(
    api: MemoryApi, choice: ZoneChoice | None = None, *, dry_run: bool = False
) -> Iterator[PrivateZoneProvider]:
    calls = Calls(clock=lambda: asyncio.get_running_loop().time(), dice=lambda: 0.0)
    try:
        yield PrivateZoneProvider(api, calls, WriteGateway(api, api, calls, dry_run=dry_run), choice)
    finally:
        calls.close()


def read(api: MemoryApi, choice: ZoneChoice | None = None) -> Snapshot:
    with provider_of(api, choice) as provider:
        return virtual_time.run(provider.read())


def apply(api: MemoryApi, *changes: NameChange, dry_run: bool = False) -> list[ChangeResult]:
    async def body(provider: PrivateZoneProvider) -> list[ChangeResult]:
        await provider.read()
        return await provider.apply(changes)

    with provider_of(api, dry_run=dry_run) as provider:
        return virtual_time.run(body(provider))


def record(name: str, record_type: str, *targets: str, ttl: int | None = None) -> Endpoint:
    return Endpoint(name, targets, record_type, ttl=ttl)


def change(old: Endpoint | None, new: Endpoint | None) -> NameChange:
    step = RecordChange(old, new)
    return NameChange(step.endpoint.dns_name, (step,))


def create(name: str, *targets: str) -> NameChange:
    return change(None, record(name, "A", *targets, ttl=60))


# Reading.


def test_rows_become_record_sets() -> None:
    api = MemoryApi("ex.com", "int.ex.com")
    api.hold("ex.com", "web A 60 2.2.2.2", "web A 60 1.1.1.1", "web AAAA 5 FD00:0::1", "@ A 60 9.9.9.9")
    api.hold("ex.com", "* CNAME 300 LB.ex.com.", 'a-web TXT 60 "heritage=x"', "a.b A 60 1.1.1.1")
    api.hold("int.ex.com", "Web A 60 3.3.3.3")
    snapshot = read(api)
    assert snapshot.zones == ("ex.com", "int.ex.com")
    assert {f"{each.dns_name} {each.record_type} {','.join(each.targets)} {each.ttl}" for each in snapshot.records} == {
        "web.ex.com A 1.1.1.1,2.2.2.2 60",
        "web.ex.com AAAA fd00::1 5",
        "ex.com A 9.9.9.9 60",
        "*.ex.com CNAME lb.ex.com 60",
        'a-web.ex.com TXT "heritage=x" 60',
        "a.b.ex.com A 1.1.1.1 60",
        "web.int.ex.com A 3.3.3.3 60",
    }


def test_rows_that_disagree_about_their_ttl_look_like_no_ttl_that_anyone_wants() -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", "web A 60 1.1.1.1", "web A 5 2.2.2.2")
    [found] = read(api).records
    assert found.ttl == 0


@pytest.mark.parametrize(
    ("choice", "zones"),
    [
        (ZoneChoice(), ("ex.com", "int.ex.com", "ex.net")),
        (ZoneChoice(vpc_id="vpc-1"), ("ex.com", "int.ex.com", "ex.net")),
        (ZoneChoice(vpc_id="vpc-2"), ()),
        (ZoneChoice(zone_ids=("int.ex.com", "id-ex.net")), ("int.ex.com", "ex.net")),
        (ZoneChoice(domains=DomainFilter(("ex.net",))), ("ex.net",)),
        (ZoneChoice(domains=DomainFilter(("web.ex.com",))), ("ex.com",)),
    ],
)
def test_zones_are_chosen_by_vpc_id_and_domain(choice: ZoneChoice, zones: tuple[str, ...]) -> None:
    api = MemoryApi("ex.com", "int.ex.com", "ex.net")
    assert set(read(api, choice).zones) == set(zones)
    assert {line for line in api.reads if line.startswith("rows")} == {f"rows id-{zone} 1" for zone in zones}


def test_zones_of_cloud_products_are_left_alone() -> None:
    api = MemoryApi("ex.com")
    api.add_empty_zone("product.ex.com", "vpc-1", type="CLOUD_PRODUCT_ZONE")
    assert read(api).zones == ("ex.com",)


def test_two_zones_of_one_name_are_refused_with_what_to_do() -> None:
    api = MemoryApi("ex.com")
    api.add_empty_zone("ex.com", "vpc-1", zone_id="id-2")
    with pytest.raises(
        PrivateZoneError, match=r"two zones are called ex\.com: id-ex\.com and id-2; .*--zone-id-filter"
    ):
        read(api)


@pytest.mark.parametrize(("rows", "pages"), [(0, 1), (99, 1), (100, 1), (101, 2), (250, 3)])
def test_all_pages_are_read(rows: int, pages: int) -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", *(f"h{number} A 60 1.1.1.1" for number in range(rows)))
    assert len(read(api).records) == rows
    assert [line for line in api.reads if line.startswith("rows")] == [
        f"rows id-ex.com {page}" for page in range(1, pages + 1)
    ]


def test_a_list_that_changes_while_it_is_read_is_read_again() -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", *(f"h{number} A 60 1.1.1.1" for number in range(150)))

    def drop_first(line: str) -> None:
        if len(api.reads) == 3:  # zones, first page, and now the second page
            del api.rows["id-ex.com"][0]

    api.before_read = drop_first
    assert len(read(api).records) == 149


def test_a_list_that_never_comes_to_rest_is_an_error() -> None:
    total = 0

    async def page(number: int) -> Page[int]:
        nonlocal total
        total += 1
        return Page((total,), 2 + total % 2)

    with pytest.raises(PrivateZoneError, match="keeps changing"):
        virtual_time.run(list_all(page))


def test_a_zone_that_cannot_be_read_is_in_no_other_ones_way() -> None:
    api = MemoryApi("ex.com", "sub.ex.com")
    api.hold("ex.com", "web A 60 192.0.2.1")
    api.before_read = fail("Forbidden.RAM", "rows id-sub.ex.com", status=403)
    with provider_of(api) as provider:
        snapshot = virtual_time.run(provider.read())
        assert [each.dns_name for each in snapshot.records] == ["web.ex.com"]
        assert (sorted(snapshot.zones), list(snapshot.unread)) == (["ex.com", "sub.ex.com"], ["sub.ex.com"])
        with pytest.raises(PrivateZoneError, match=r"Forbidden\.RAM"):
            snapshot.require_whole()
        # Its names do not go into the zone above.
        [result] = virtual_time.run(provider.apply([change(None, record("web.sub.ex.com", "A", "192.0.2.1"))]))
        assert "no zone that is managed here holds web.sub.ex.com" in str(result.error)
    assert api.calls == []


def test_where_no_zone_can_be_read_that_is_the_error() -> None:
    api = MemoryApi("ex.com", "ex.net")
    api.before_read = fail("Forbidden.RAM", "rows", status=403)
    with pytest.raises(PrivateZoneError, match=r"Forbidden\.RAM"):
        read(api)


def test_a_name_in_doubt_that_can_not_be_read_again_stands_in_for_its_zone_alone() -> None:
    api = MemoryApi("ex.com", "ex.net")

    async def body(provider: PrivateZoneProvider) -> None:
        await provider.read()
        api.before = fail("System.Busy", "add")
        await provider.apply([change(None, record("web.ex.com", "A", "192.0.2.1"))])
        api.before_read = fail("System.Busy", "rows id-ex.com")
        snapshot = await provider.look(["web.ex.com", "web.ex.net"])
        assert snapshot.unread.keys() == {"ex.com"}
        api.before_read = api.before = lambda line: None
        assert (await provider.look(["web.ex.com"])).unread == {}

    with provider_of(api) as provider:
        virtual_time.run(body(provider))


def test_a_name_that_may_not_be_asked_for_does_not_hold_up_its_zone() -> None:
    api = MemoryApi("ex.com")

    async def body(provider: PrivateZoneProvider) -> None:
        await provider.read()
        api.before = fail("Record.Invalid.Rr", "add")
        await provider.apply([change(None, record("b!d.ex.com", "A", "192.0.2.1"))])
        api.before_read = fail("InvalidKeyword", "b!d")
        assert (await provider.read()).unread == {}

    with provider_of(api) as provider:
        virtual_time.run(body(provider))


def test_adjusting_gives_every_record_the_ttl_that_it_will_have() -> None:
    with provider_of(MemoryApi()) as provider:
        wanted = [record("w", "A", "1.1.1.1", ttl=ttl) for ttl in (None, 1, 300)]
        assert [each.ttl for each in virtual_time.run(provider.adjust(wanted))] == [60, 5, 60]


# Writing.


def test_creating_goes_into_the_longest_zone() -> None:
    api = MemoryApi("ex.com", "int.ex.com")
    results = apply(
        api, create("web.int.ex.com", "1.1.1.1"), create("int.ex.com", "2.2.2.2"), create("*.ex.com", "3.3.3.3")
    )
    assert [result.error for result in results] == [None, None, None]
    assert api.held("int.ex.com") == ["@ A 60 2.2.2.2", "web A 60 1.1.1.1"]
    assert api.held("ex.com") == ["* A 60 3.3.3.3"]


def test_a_type_change_is_delete_then_add_next_to_each_other() -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", "web A 60 1.1.1.1")
    steps = (
        RecordChange(None, record("cname-web.ex.com", "TXT", '"x"')),
        RecordChange(record("web.ex.com", "A", "1.1.1.1"), None),
        RecordChange(None, record("web.ex.com", "CNAME", "lb.ex.com", ttl=5)),
    )
    [result] = apply(api, NameChange("web.ex.com", steps))
    assert result.error is None
    assert api.calls == ['add cname-web TXT "x" 60', "delete 1", "add web CNAME lb.ex.com 5"]


def test_a_failed_step_ends_its_name_and_no_other() -> None:
    api = MemoryApi("ex.com")
    api.before = fail("Record.Invalid.Value", "bad")
    steps = (
        RecordChange(None, record("bad.ex.com", "TXT", '"x"')),
        RecordChange(None, record("b.ex.com", "A", "1.1.1.1")),
    )
    results = apply(api, NameChange("b.ex.com", steps), create("web.ex.com", "1.1.1.1"))
    assert [str(result.error) if result.error else None for result in results] == [
        "PrivateZone call: Record.Invalid.Value: fails as told",
        None,
    ]
    assert api.held("ex.com") == ["web A 60 1.1.1.1"]


def test_a_name_outside_all_zones_is_that_names_error() -> None:
    results = apply(MemoryApi("ex.com"), create("web.ex.net", "1.1.1.1"), create("web.ex.com", "1.1.1.1"))
    assert [result.error is None for result in results] == [False, True]
    assert "no zone that is managed here holds web.ex.net" in str(results[0].error)


def test_a_surprise_is_that_names_error_too(caplog: pytest.LogCaptureFixture) -> None:
    api = MemoryApi("ex.com")

    def surprise(line: str) -> None:
        if "bad" in line:
            raise RuntimeError("surprise")

    api.before = surprise
    results = apply(api, create("bad.ex.com", "1.1.1.1"), create("web.ex.com", "1.1.1.1"))
    assert [type(result.error) for result in results] == [RuntimeError, type(None)]
    assert "unexpected error while changing bad.ex.com" in caplog.text


@pytest.mark.parametrize(
    ("code", "failures", "status", "tries", "succeeds"),
    [
        ("Throttling.User", 1, 400, 2, True),
        ("Throttling", 4, 400, 5, True),
        ("Throttling.User", 30, 400, 31, True),
        ("InternalError", 99, 500, 5, False),
        ("System.Busy", 2, 400, 3, True),
        ("ServiceUnavailable", 1, 503, 2, True),
        ("Whatever", 1, 500, 2, True),
        (UNREACHABLE, 1, 0, 2, True),
        ("Zone.NotExists", 1, 400, 1, False),
        ("InvalidAccessKeyId.NotFound", 1, 404, 1, False),
    ],
)
def test_only_what_can_get_better_is_tried_again(
    code: str, failures: int, status: int, tries: int, succeeds: bool
) -> None:
    api = MemoryApi("ex.com")
    api.before = fail(code, failures, status=status)
    [result] = apply(api, create("web.ex.com", "1.1.1.1"))
    assert (result.error is None) is succeeds
    assert len(api.calls) == tries
    assert len(set(api.tokens)) == 1, "the retries of a call carry its token"
    if isinstance(result.error, ClusterDNSError):
        assert result.error.retryable is (tries == 5)


def test_every_call_has_a_token_of_its_own() -> None:
    api = MemoryApi("ex.com")
    apply(api, create("web.ex.com", "1.1.1.1", "2.2.2.2"))
    assert len(set(api.tokens)) == len(api.tokens) == 2
    assert all(token.isascii() and 0 < len(token) <= 64 for token in api.tokens)


def test_an_answer_lost_on_the_way_does_not_double_or_fail_an_addition() -> None:
    api = MemoryApi("ex.com")
    api.after = lost_answer(1)
    [result] = apply(api, create("web.ex.com", "1.1.1.1"))
    assert result.error is None
    assert api.held("ex.com") == ["web A 60 1.1.1.1"]


def test_an_answer_lost_on_the_way_does_not_fail_a_deletion() -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", "web A 60 1.1.1.1")
    api.after = lost_answer(1)
    [result] = apply(api, change(record("web.ex.com", "A", "1.1.1.1"), None))
    assert result.error is None
    assert api.held("ex.com") == []


def test_a_deletion_that_is_refused_while_the_row_is_there_is_an_error() -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", "web A 60 1.1.1.1")
    api.before = fail("Forbidden.RAM", "delete", status=403)
    [result] = apply(api, change(record("web.ex.com", "A", "1.1.1.1"), None))
    assert "Forbidden.RAM" in str(result.error)


def appear(api: MemoryApi, line: str) -> Callable[[str], None]:
    """A hook: somebody else puts `line` into ex.com between our read and our first write."""

    def hook(call: str) -> None:
        if len(api.calls) == 1:
            api.hold("ex.com", line)

    return hook


@pytest.mark.parametrize(
    ("appears", "held", "succeeds"),
    [
        ("web A 60 1.1.1.1", ["web A 60 1.1.1.1"], True),
        ("web A 5 1.1.1.1", ["web A 60 1.1.1.1"], True),
        ("web CNAME 60 lb.ex.com", ["web CNAME 60 lb.ex.com"], False),
    ],
)
def test_a_conflict_with_an_identical_row_is_success(appears: str, held: list[str], succeeds: bool) -> None:
    api = MemoryApi("ex.com")
    api.before = appear(api, appears)
    [result] = apply(api, create("web.ex.com", "1.1.1.1"))
    assert (result.error is None) is succeeds
    assert api.held("ex.com") == held


def test_a_dry_run_makes_no_writing_call(caplog: pytest.LogCaptureFixture) -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", "old A 60 1.1.1.1", "web A 60 1.1.1.1")
    before = api.held("ex.com")
    changes = [
        create("new.ex.com", "1.1.1.1"),
        change(record("web.ex.com", "A", "1.1.1.1"), record("web.ex.com", "A", "2.2.2.2", ttl=5)),
        change(record("old.ex.com", "A", "1.1.1.1"), None),
    ]
    with caplog.at_level("INFO"):
        results = apply(api, *changes, dry_run=True)
    assert api.calls == []
    assert api.held("ex.com") == before
    assert [result.error for result in results] == [None, None, None]
    assert {message.split(":")[1].split()[0] for message in caplog.messages} == {"add", "update", "delete"}


def test_calls_keep_to_the_quota() -> None:
    api = MemoryApi("ex.com")
    moments: list[float] = []

    async def body() -> None:
        loop = asyncio.get_running_loop()
        api.before = lambda line: moments.append(loop.time())
        with provider_of(api) as provider:
            await provider.read()
            await provider.apply([create(f"h{number}.ex.com", "1.1.1.1") for number in range(45)])

    virtual_time.run(body())
    moments.sort()
    assert len(moments) == 45
    # In no second more than the 20 that the API has been known to allow.
    assert all(later - earlier >= 1.0 - 1e-6 for earlier, later in zip(moments, moments[20:], strict=False))


def test_rows_of_other_lines_are_other_sets() -> None:
    api = MemoryApi("ex.com")
    api.hold_row("ex.com", Row(0, "web", "A", "1.1.1.1", 60, line="other"))
    [result] = apply(api, create("web.ex.com", "1.1.1.1"))
    assert result.error is None
    assert api.held("ex.com") == ["web A 60 1.1.1.1", "web A 60 1.1.1.1"]
    [result] = apply(api, change(record("web.ex.com", "A", "1.1.1.1"), None))
    assert [row.line for row in api.rows["id-ex.com"]] == ["other"]


def test_an_identical_row_with_another_remark_is_somebody_elses() -> None:
    api = MemoryApi("ex.com")

    def hook(call: str) -> None:
        if len(api.calls) == 1:
            api.hold_row("ex.com", Row(0, "web", "A", "1.1.1.1", 60, remark="them"))

    api.before = hook
    wanted = Endpoint("web.ex.com", ("1.1.1.1",), "A", remarks={"1.1.1.1": "us"})
    [result] = apply(api, change(None, wanted))
    assert "Record.Invalid.Conflict" in str(result.error)
    assert [row.remark for row in api.rows["id-ex.com"]] == ["them"]
