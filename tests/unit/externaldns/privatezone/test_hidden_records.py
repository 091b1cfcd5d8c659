"""Two zones, one below the other: what the upper one has of the lower one's names."""

from __future__ import annotations

from externaldns.changes import NameChange, RecordChange
from tests.support import virtual_time
from tests.unit.externaldns.privatezone.memory_api import MemoryApi, fail
from tests.unit.externaldns.privatezone.ownership_run import new_calls, provider_over


def test_a_zone_hides_what_the_one_above_has_of_its_names() -> None:
    api = MemoryApi("ex.com", "sub.ex.com")
    api.hold("ex.com", "web A 60 192.0.2.1", "web.sub A 60 192.0.2.2")
    api.hold("sub.ex.com", "web A 60 192.0.2.3")
    calls = new_calls()

    async def body() -> None:
        provider = provider_over(api, calls)
        snapshot = await provider.read()
        assert [(each.dns_name, each.targets) for each in snapshot.records] == [
            ("web.ex.com", ("192.0.2.1",)),
            ("web.sub.ex.com", ("192.0.2.3",)),
        ]
        [hidden] = snapshot.hidden["ex.com"]
        assert hidden.targets == ("192.0.2.2",)
        # A deletion that fails leaves its zone in doubt about the name, and not the other one.
        api.before = fail("System.Busy", 10)
        steps = (RecordChange(hidden, None, zone="ex.com"),)
        [result] = await provider.apply([NameChange("web.sub.ex.com", steps)])
        assert result.error is not None
        api.before = lambda line: None
        api.reads.clear()
        await provider.look(["web.sub.ex.com"])
        assert api.reads == ["rows id-ex.com 1 web.sub"]
        [result] = await provider.apply([NameChange("web.sub.ex.com", steps)])
        assert result.error is None

    try:
        virtual_time.run(body())
    finally:
        calls.close()
    assert (api.held("ex.com"), api.held("sub.ex.com")) == (["web A 60 192.0.2.1"], ["web A 60 192.0.2.3"])
