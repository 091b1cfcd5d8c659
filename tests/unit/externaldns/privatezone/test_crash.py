"""A run that is cut off at any write, before or after it was done: the next one ends in exactly the wanted zone.

All of externaldns but the sources and the HTTP boundary takes part: plan, ownership, provider, write gateway.
"""

from __future__ import annotations

import pytest

from tests.unit.externaldns.privatezone.memory_api import MemoryApi
from tests.unit.externaldns.privatezone.whole import heritage, run


class Killed(BaseException):
    """Ends the run as kill -9 does: nothing catches it."""


FOREIGN = ("other A 60 198.51.100.1", f"a-other TXT 60 {heritage('x', 'them')}", "hand A 60 198.51.100.2")


def zone() -> MemoryApi:
    """A zone in which everything changes: a value, a set, a TTL, a type, a record that goes, others' records."""
    api = MemoryApi("ex.com")
    api.hold("ex.com", "value A 60 192.0.2.1", f"a-value TXT 60 {heritage('value')}")
    api.hold("ex.com", "set A 60 192.0.2.1", "set A 60 192.0.2.2", f"a-set TXT 60 {heritage('set')}")
    api.hold("ex.com", "ttl A 60 192.0.2.1", "ttl A 60 192.0.2.2", f"a-ttl TXT 60 {heritage('ttl')}")
    api.hold("ex.com", "type A 60 192.0.2.1", f"a-type TXT 60 {heritage('type')}")
    api.hold("ex.com", "gone A 60 192.0.2.1", f"a-gone TXT 60 {heritage('gone')}")
    api.hold("ex.com", *FOREIGN)
    return api


WANTED = {
    "value": ("192.0.2.9", "60"),
    "set": ("192.0.2.2,192.0.2.3,192.0.2.4", "60"),
    "ttl": ("192.0.2.1,192.0.2.2", "5"),
    "type": ("lb.ex.net", "60"),
    "new": ("192.0.2.1,2001:db8::1", "60"),
    "other": ("192.0.2.1", "60"),
    "hand": ("192.0.2.1", "60"),
    # The apex and a wildcard, whose ownership records have names of their own.
    "@": ("192.0.2.5", "60"),
    "*": ("192.0.2.6", "60"),
}

FINAL = sorted(
    [
        *FOREIGN,
        "value A 60 192.0.2.9",
        f"a-value TXT 60 {heritage('value')}",
        "set A 60 192.0.2.2",
        "set A 60 192.0.2.3",
        "set A 60 192.0.2.4",
        f"a-set TXT 60 {heritage('set')}",
        "ttl A 5 192.0.2.1",
        "ttl A 5 192.0.2.2",
        f"a-ttl TXT 60 {heritage('ttl')}",
        "type CNAME 60 lb.ex.net",
        f"cname-type TXT 60 {heritage('type')}",
        "new A 60 192.0.2.1",
        "new AAAA 60 2001:db8::1",
        f"a-new TXT 60 {heritage('new')}",
        f"aaaa-new TXT 60 {heritage('new')}",
        "@ A 60 192.0.2.5",
        f"a-_apex TXT 60 {heritage('@')}",
        "* A 60 192.0.2.6",
        f"a-_wildcard TXT 60 {heritage('*')}",
    ]
)


def writes_of_a_whole_run() -> int:
    api = zone()
    run(api, WANTED)
    return len(api.calls)


WRITES = writes_of_a_whole_run()


def test_a_whole_run_ends_in_the_wanted_zone_and_the_next_writes_nothing() -> None:
    api = zone()
    assert run(api, WANTED) == 8
    assert api.held("ex.com") == FINAL
    assert run(api, WANTED) == 0
    assert len(api.calls) == WRITES


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("position", range(1, WRITES + 1))
def test_cut_off_at(position: int, done: bool) -> None:
    api = zone()

    def kill(line: str) -> None:
        if len(api.calls) >= position:
            raise Killed

    if done:
        api.after = kill
    else:
        api.before = kill
    with pytest.raises(Killed):
        run(api, WANTED)
    api.before = api.after = lambda line: None
    run(api, WANTED)
    assert api.held("ex.com") == FINAL


def test_what_stays_is_there_at_every_moment() -> None:
    api = zone()
    always = {*FOREIGN, "set A 60 192.0.2.2"}
    missed: list[str] = []

    def watch(line: str) -> None:
        held = api.held("ex.com")
        missed.extend(f"{record} after {line}" for record in always.difference(held))
        resolving = {record.split()[0] for record in held if record.split()[1] in ("A", "CNAME")}
        # A name whose type changes is away between two calls: PrivateZone has no way around it.
        missed.extend(f"{name} after {line}" for name in {"value", "set", "ttl"}.difference(resolving))

    api.after = watch
    run(api, WANTED)
    assert missed == []


def test_no_record_is_ever_without_owner() -> None:
    api = zone()
    unowned: set[str] = set()

    def watch(line: str) -> None:
        held = {(rr, record_type) for rr, record_type, *_ in (record.split() for record in api.held("ex.com"))}
        special = {"@": "_apex", "*": "_wildcard"}
        for rr, record_type in held:
            ownership = f"{record_type.lower()}-{special.get(rr, rr)}"
            if record_type != "TXT" and (ownership, "TXT") not in held:
                unowned.add(rr)

    api.after = watch
    run(api, WANTED)
    assert unowned == {"hand"}
