"""Upstreams that are names of hosts: found, followed as their TTLs end, and kept while they can't be found."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from clusterdns.demo.internet import Internet
from clusterdns.demo.processes import free_ports
from clusterdns.errors import ConfigError
from clusterdns.forward.forwarder import Forwarder
from clusterdns.forward.host_names import Addresses, CAresLookUp, Found, HostNames, LookUpFailure
from clusterdns.forward.upstreams import Upstream
from tests.support import virtual_time

NAME = "dns.example"
NONE = Found((), 300)
FAILS = LookUpFailure("Timeout while contacting DNS servers")


class FakeLookUp:
    """What each family says, one answer after the other, the last one for ever; and when it was asked."""

    def __init__(self, v4: Sequence[Found | Exception], v6: Sequence[Found | Exception] = (NONE,)) -> None:
        self.answers = {"A": list(v4), "AAAA": list(v6)}
        self.asked_at: list[float] = []
        self.is_closed = False

    async def find(self, name: str, record_type: str) -> Found:
        assert name == NAME
        if record_type == "A":
            self.asked_at.append(asyncio.get_running_loop().time())
        answers = self.answers[record_type]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        self.is_closed = True


def _upstreams_of(addresses: Addresses) -> list[Upstream]:
    if "192.0.2.99" in addresses.get(NAME, ()):
        raise ConfigError("forward: too many upstreams")
    return [Upstream(each, 53) for each in addresses.get(NAME, ())]


def _follow(look_up: FakeLookUp, seconds: float) -> list[str]:
    """The addresses that are asked after so many seconds."""

    async def follow() -> list[str]:
        forwarder = Forwarder(())
        hosts = HostNames(forwarder, [NAME, NAME], look_up, _upstreams_of)
        forwarder.accompany(asyncio.create_task(hosts.run()))
        await asyncio.sleep(seconds)
        found = [each.address for each in forwarder.upstreams]
        await forwarder.close()
        assert look_up.is_closed
        return found

    return virtual_time.run(follow())


def found(*addresses: str, seconds: float = 60) -> Found:
    return Found(addresses, seconds)


ONE, TWO, SIX = "192.0.2.1", "192.0.2.2", "2001:db8::1"
# What is said, the seconds that have passed, and the upstreams then.
ROWS: dict[str, tuple[FakeLookUp, float, list[str]]] = {
    "both families": (FakeLookUp([found(TWO, ONE)], [found(SIX)]), 1, [ONE, TWO, SIX]),
    "a fault of our own is no end": (FakeLookUp([RuntimeError(), found(ONE)]), 6, [ONE]),
    "one family": (FakeLookUp([NONE], [found(SIX)]), 1, [SIX]),
    "it moves when its TTL ends": (FakeLookUp([found(ONE), found(TWO)]), 61, [TWO]),
    "not before": (FakeLookUp([found(ONE), found(TWO)]), 59, [ONE]),
    "a short TTL is no reason to ask all the time": (FakeLookUp([found(ONE, seconds=0), found(TWO)]), 4.9, [ONE]),
    "a long one no reason to miss a move": (FakeLookUp([found(ONE, seconds=86400), found(TWO)]), 301, [TWO]),
    "it is not found at first": (FakeLookUp([FAILS, found(ONE)]), 6, [ONE]),
    "it is not found any more": (FakeLookUp([found(ONE), FAILS], [NONE, FAILS]), 1000, [ONE]),
    "it has no addresses any more": (FakeLookUp([found(ONE), NONE]), 1000, [ONE]),
    "one family fails": (FakeLookUp([found(ONE), FAILS], [found(SIX)]), 1000, [ONE, SIX]),
    "one family goes": (FakeLookUp([found(ONE), NONE], [found(SIX)]), 1000, [SIX]),
    "it is never found": (FakeLookUp([FAILS], [FAILS]), 1000, []),
    "too many": (FakeLookUp([found(ONE), found("192.0.2.99")]), 1000, [ONE]),
}


@pytest.mark.parametrize(("look_up", "seconds", "upstreams"), ROWS.values(), ids=ROWS)
def test_upstreams(look_up: FakeLookUp, seconds: float, upstreams: list[str]) -> None:
    assert _follow(look_up, seconds) == upstreams


def test_a_name_that_is_not_found_is_told_once_and_tried_soon(caplog: pytest.LogCaptureFixture) -> None:
    look_up = FakeLookUp([FAILS], [FAILS])
    with caplog.at_level(logging.WARNING):
        _follow(look_up, 21)
    assert [round(at - look_up.asked_at[0]) for at in look_up.asked_at] == [0, 5, 10, 15, 20]
    assert caplog.messages == [f"the upstream {NAME} is not found: {FAILS}; tried again"]


ZONE = """
.                 60  IN SOA   a.root. b.root. 1 1800 900 604800 60
dns.example.      60  IN A     192.0.2.1
dns.example.      60  IN A     192.0.2.2
dns.example.      60  IN AAAA  2001:db8::1
alias.example.    20  IN CNAME dns.example.
v4.example.       60  IN A     192.0.2.3
"""


def test_c_ares_asks_the_resolvers_that_are_named(tmp_path: Path) -> None:
    async def look_up() -> None:
        (port,) = free_ports(1)
        (tmp_path / "zone").write_text(ZONE)
        internet = Internet(tmp_path / "zone", "127.0.0.1", port)
        await internet.start()
        asker = CAresLookUp([f"127.0.0.1:{port}"])
        try:
            addresses, seconds = await asker.find("dns.example", "A")
            assert (sorted(addresses), seconds) == (["192.0.2.1", "192.0.2.2"], 60)
            assert await asker.find("Dns.Example.", "AAAA") == (("2001:db8::1",), 60)
            assert (await asker.find("v4.example", "AAAA")).addresses == ()
            with pytest.raises(LookUpFailure):
                await asker.find("missing.example", "A")
        finally:
            await asker.close()
            await internet.close()
        silent = CAresLookUp([f"127.0.0.1:{port}"])
        with pytest.raises(LookUpFailure):
            await silent.find("dns.example", "A")
        await silent.close()

    asyncio.run(look_up())
