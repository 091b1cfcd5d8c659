"""The mirror of a zone: our own writes, writes that failed, and zones that change without us."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from externaldns.changes import NameChange, RecordChange
from externaldns.providers.privatezone.api import Row
from externaldns.providers.privatezone.breaker import ZoneBroken
from externaldns.providers.privatezone.provider import PrivateZoneProvider
from externaldns.record import Endpoint
from tests.support import virtual_time
from tests.unit.externaldns.privatezone.memory_api import MemoryApi, fail, lost_answer
from tests.unit.externaldns.privatezone.provider_runs import change, create, provider_of, record


def in_zone(api: MemoryApi, body: Callable[[PrivateZoneProvider], object]) -> None:
    """Run `body` on a provider whose mirrors live for an hour."""

    async def run(provider: PrivateZoneProvider) -> None:
        provider._full_read_seconds = 3600
        provider._clock = asyncio.get_running_loop().time
        await provider.read()
        api.reads.clear()
        await body(provider)  # type: ignore[misc]

    with provider_of(api) as provider:
        virtual_time.run(run(provider))


async def held(provider: PrivateZoneProvider, *names: str) -> list[str]:
    snapshot = await provider.look(names)
    return [f"{each.dns_name} {each.record_type} {','.join(each.targets)}" for each in snapshot.records]


def test_what_we_write_is_mirrored_without_a_call() -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", "web A 60 1.1.1.1", "old A 60 1.1.1.1")

    async def body(provider: PrivateZoneProvider) -> None:
        await provider.apply([create("new.ex.com", "1.1.1.1", "2.2.2.2")])
        old = record("web.ex.com", "A", "1.1.1.1")
        await provider.apply([change(old, record("web.ex.com", "A", "3.3.3.3"))])
        await provider.apply([change(record("old.ex.com", "A", "1.1.1.1"), None)])
        names = ("web.ex.com", "old.ex.com", "new.ex.com", "web.example.net")
        assert await held(provider, *names) == ["new.ex.com A 1.1.1.1,2.2.2.2", "web.ex.com A 3.3.3.3"]
        assert api.reads == []
        # And the next change of the same rows knows their IDs.
        new = record("new.ex.com", "A", "1.1.1.1", "2.2.2.2")
        await provider.apply([change(new, None)])
        assert api.held("ex.com") == ["web A 60 3.3.3.3"]
        assert api.reads == []
        assert len((await provider.read()).records) == 1
        assert api.reads == ["zones  1"]

    in_zone(api, body)


@pytest.mark.parametrize(
    "edit",
    [
        lambda api: api.hold("ex.com", "hand A 60 9.9.9.9"),
        lambda api: api.rows["id-ex.com"].clear(),
        lambda api: api.set_remark(api.rows["id-ex.com"][0].record_id, "x", "t"),
    ],
    ids=["added", "deleted", "changed"],
)
def test_a_zone_that_changed_without_us_is_read_again(edit: Callable[[MemoryApi], object]) -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", "web A 60 1.1.1.1")

    async def body(provider: PrivateZoneProvider) -> None:
        edit(api)
        await provider.read()
        assert api.reads == ["zones  1", "rows id-ex.com 1"]
        api.reads.clear()
        await provider.read()
        assert api.reads == ["zones  1"]

    in_zone(api, body)


def test_a_zone_is_read_whole_from_time_to_time_whatever_its_counters_say() -> None:
    api = MemoryApi("ex.com")

    async def body(provider: PrivateZoneProvider) -> None:
        await asyncio.sleep(3601)
        await provider.read()
        assert api.reads == ["zones  1", "rows id-ex.com 1"]

    in_zone(api, body)


def test_a_name_whose_write_failed_is_read_again_before_it_is_looked_at() -> None:
    api = MemoryApi("ex.com")

    async def body(provider: PrivateZoneProvider) -> None:
        api.after = lost_answer("add web")
        api.before = fail("InternalError", "add web", status=500)
        [result] = await provider.apply([create("web.ex.com", "1.1.1.1")])
        assert result.error is not None
        api.before = api.after = lambda line: None
        # The write was done after all, by the very last try.
        api.hold("ex.com", "web A 60 1.1.1.1")
        assert await held(provider, "web.ex.com", "other.ex.com") == ["web.ex.com A 1.1.1.1"]
        assert await held(provider, "web.ex.com") == ["web.ex.com A 1.1.1.1"]
        assert api.reads == ["rows id-ex.com 1 web"]

    in_zone(api, body)


def test_when_many_names_are_in_doubt_the_zone_is_read_once() -> None:
    api = MemoryApi("ex.com")

    async def body(provider: PrivateZoneProvider) -> None:
        api.before = fail("Record.Invalid.Value", "add")
        names = [f"h{number}.ex.com" for number in range(5)]
        await provider.apply([create(name, "1.1.1.1") for name in names])
        await provider.look(names)
        assert api.reads == ["rows id-ex.com 1"]

    in_zone(api, body)


def test_a_name_of_which_nothing_was_tried_is_not_in_doubt() -> None:
    api = MemoryApi("ex.com")

    async def body(provider: PrivateZoneProvider) -> None:
        api.before = fail("InternalError", "add", status=500)
        names = [f"h{number}.ex.com" for number in range(20)]
        results = await provider.apply([create(name, "1.1.1.1") for name in names])
        refused = [each.change.name for each in results if isinstance(each.error, ZoneBroken)]
        assert refused, "the breaker has opened"
        await provider.look(refused)
        assert api.reads == [], "reads would be spent on each try of each name, as long as the zone refuses writes"

    in_zone(api, body)


def test_the_steps_before_the_one_that_failed_are_not_in_doubt() -> None:
    api = MemoryApi("ex.com")

    async def body(provider: PrivateZoneProvider) -> None:
        api.before = fail("Record.Invalid.Value", "add web")
        steps = [RecordChange(None, record(name, "A", "1.1.1.1", ttl=60)) for name in ("x.ex.com", "web.ex.com")]
        [result] = await provider.apply([NameChange("web.ex.com", tuple(steps))])
        assert result.error is not None
        assert await held(provider, "x.ex.com", "web.ex.com") == ["x.ex.com A 1.1.1.1"]
        assert api.reads == ["rows id-ex.com 1 web"]

    in_zone(api, body)


def test_a_zone_with_a_name_in_doubt_may_have_changed() -> None:
    api = MemoryApi("ex.com")

    async def body(provider: PrivateZoneProvider) -> None:
        api.before = fail("Record.Invalid.Value", "add web")
        await provider.apply([create("web.ex.com", "1.1.1.1")])
        assert await provider.changed()
        await provider.look(["web.ex.com"])
        assert not await provider.changed()

    in_zone(api, body)


def test_a_row_that_somebody_else_deleted_is_an_error_once() -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", "web A 60 1.1.1.1")

    async def body(provider: PrivateZoneProvider) -> None:
        api.rows["id-ex.com"].clear()
        old, new = record("web.ex.com", "A", "1.1.1.1"), record("web.ex.com", "A", "2.2.2.2", ttl=60)
        [result] = await provider.apply([change(old, new)])
        assert result.error is not None
        assert await held(provider, "web.ex.com") == []
        [result] = await provider.apply([create("web.ex.com", "2.2.2.2")])
        assert result.error is None

    in_zone(api, body)


def test_a_weighed_set_is_made_and_mirrored() -> None:
    api = MemoryApi("ex.com")

    async def body(provider: PrivateZoneProvider) -> None:
        wanted = Endpoint("web.ex.com", ("1.1.1.1",), "A", ttl=60, provider_specific={"alibabacloud/weight": "9"})
        [result] = await provider.apply([NameChange("web.ex.com", (RecordChange(None, wanted),))])
        assert result.error is None
        assert api.calls == ["add web A 1.1.1.1 60", "weigh web A on", "weight 1 9"]
        [held] = (await provider.look(["web.ex.com"])).records
        assert held.provider_specific == {"alibabacloud/weight": "9"}
        assert [row.weight for row in api.rows["id-ex.com"]] == [9]

    in_zone(api, body)


def test_a_disabled_row_is_enabled() -> None:
    api = MemoryApi("ex.com")
    api.hold_row("ex.com", Row(0, "web", "A", "1.1.1.1", 60, status="DISABLE"))

    async def body(provider: PrivateZoneProvider) -> None:
        [old] = (await provider.look(["web.ex.com"])).records
        assert old.provider_specific == {"alibabacloud/status": "DISABLE"}
        await provider.apply([change(old, record("web.ex.com", "A", "1.1.1.1", ttl=60))])
        assert api.calls == ["status 1 ENABLE"]
        [now] = (await provider.look(["web.ex.com"])).records
        assert now.provider_specific == {}

    in_zone(api, body)
