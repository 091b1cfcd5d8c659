"""Whatever is written and whatever fails, the mirror is what a fresh reading of the zone finds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from externaldns.changes import NameChange, RecordChange
from externaldns.providers.privatezone.failure import UNREACHABLE, PrivateZoneError
from externaldns.providers.privatezone.provider import PrivateZoneProvider
from externaldns.record import Endpoint
from tests.support import virtual_time
from tests.unit.externaldns.privatezone.memory_api import MemoryApi
from tests.unit.externaldns.privatezone.provider_runs import provider_of, read

NAMES = [f"{label}.ex.com" for label in ("a", "b", "*", "c.d")] + ["ex.com"]
TARGETS = {"A": ("192.0.2.1", "192.0.2.2", "192.0.2.3"), "CNAME": ("lb.ex.net",), "MX": ("5 mail.ex.net",)}

Wish = tuple[str, str, tuple[str, ...], int, str, str]
WISHES = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from(sorted(TARGETS)),
    st.lists(st.sampled_from(TARGETS["A"]), unique=True, max_size=3).map(tuple),
    st.sampled_from([5, 60, 3600]),
    st.sampled_from(["", "me", "you"]),
    st.sampled_from(["", "9"]),
)
OUTCOMES = st.lists(st.sampled_from(["fine", "fine", "fine", "refused", "lost"]), min_size=1)


# A TTL, a remark and a weight at once: three calls about one row, each made from the row as it was.
TWICE: list[Wish] = [("a.ex.com", "A", ("192.0.2.1",), 5, "", ""), ("a.ex.com", "A", ("192.0.2.1",), 60, "me", "9")]


class Weather:
    """Decides for each write in turn how it ends."""

    def __init__(self, outcomes: Sequence[str]) -> None:
        self._outcomes = outcomes
        self._count = 0

    def before(self, line: str) -> None:
        self._count += 1
        if self._now() == "refused":
            raise PrivateZoneError("call", "Record.Invalid.Value", "refused", status=400)

    def after(self, line: str) -> None:
        if self._now() == "lost":
            raise PrivateZoneError("call", UNREACHABLE, "lost")

    def _now(self) -> str:
        return self._outcomes[self._count % len(self._outcomes)]


def wanted(wish: Wish) -> Endpoint | None:
    name, record_type, addresses, ttl, remark, weight = wish
    targets = addresses if record_type == "A" else TARGETS[record_type] if addresses else ()
    if not targets:
        return None
    properties = {"alibabacloud/weight": weight} if weight and record_type == "A" else {}
    remarks = dict.fromkeys(targets, remark) if remark else {}
    return Endpoint(name, targets, record_type, ttl=ttl, provider_specific=properties, remarks=remarks)


async def change(provider: PrivateZoneProvider, wish: Wish) -> None:
    """Ask for a record set as a plan does: from what is known of the name to what is wished for, or to nothing."""
    known = {record.record_type: record for record in (await provider.look([wish[0]])).records}
    new = wanted(wish)
    old = known.get(wish[1])
    steps = [RecordChange(other, None) for kind, other in known.items() if kind != wish[1]]
    if old or new:
        steps.append(RecordChange(old, new))
    await provider.apply([NameChange(wish[0], tuple(steps))])


@settings(max_examples=100, deadline=None)
@example(
    wishes=[(NAMES[0], "A", TARGETS["A"][:1], 5, "", ""), (NAMES[0], "A", TARGETS["A"][:1], 60, "me", "9")],
    outcomes=["fine"],
)
@given(wishes=st.lists(WISHES, max_size=8), outcomes=OUTCOMES)
def test_the_mirror_is_the_zone(wishes: list[Wish], outcomes: list[str]) -> None:
    api = MemoryApi("ex.com")
    weather = Weather(outcomes)

    async def body(provider: PrivateZoneProvider) -> None:
        provider._full_read_seconds = 1e9
        provider._clock = asyncio.get_running_loop().time
        await provider.read()
        api.before, api.after = weather.before, weather.after
        for wish in wishes:
            await change(provider, wish)
        api.before = api.after = lambda line: None
        mirrored.extend((await provider.look(NAMES)).records)

    mirrored: list[Endpoint] = []
    with provider_of(api) as provider:
        virtual_time.run(body(provider))
    assert sorted(mirrored, key=lambda each: each.key) == sorted(read(api).records, key=lambda each: each.key)
