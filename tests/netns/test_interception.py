"""Interception in this process, in a namespace: what it keeps, what it leaves alone, and what it does without."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import asdict
from pathlib import Path

import pytest

from clusterdns.errors import ConfigError
from clusterdns.forward.upstreams import Upstream
from clusterdns.limit import Limit
from nodelocal.interception import Interception
from nodelocal.nftables import TABLE
from nodelocal.setup_errors import SetupErrors
from tests.netns.intercepting import (
    ENDPOINTS,
    LOCAL,
    inside,
    options,
    state,
    tables,
    translated,
)
from tests.support.background import in_background
from tests.support.netns import Namespace
from tests.support.until import until

_FOREIGN = """
table ip others {
    chain prerouting { type nat hook prerouting priority dstnat; ip daddr 10.96.0.10 dnat to 10.1.1.1; }
}
"""


def test_link_and_rules_are_made_and_removed(namespace: Namespace) -> None:
    namespace.run("nft", "-f", "-", given=_FOREIGN)
    foreign = namespace.run("nft", "list", "ruleset")

    async def body() -> None:
        errors = SetupErrors()
        interception = Interception(options(), errors)
        await interception.start()
        assert {address for address in LOCAL if address in namespace.run("ip", "addr")} == set(LOCAL)
        assert tables(namespace) == {("ip", "others"), ("ip", TABLE), ("ip6", TABLE)}
        await interception.stop(10.0)
        assert "nodelocaldns" not in namespace.run("ip", "link")
        assert namespace.run("nft", "list", "ruleset") == foreign
        assert set(asdict(errors).values()) == {0}

    inside(namespace, body)


def test_where_endpoints_are_known_the_way_to_them_stays_for_a_while(namespace: Namespace) -> None:
    async def body() -> None:
        interception = Interception(options(), SetupErrors())
        interception.set_endpoints(ENDPOINTS)
        await interception.start()
        await interception.stop(10.0)
        left = namespace.run("nft", "list", "table", "ip", TABLE)
        assert "dnat to 10.1.1.2:5353" in left
        assert "notrack" not in left
        assert re.search(r"169\.254\.20\.10 (timeout 10m )?expires 9m", left)
        namespace.run("nft", "add", "element", "ip", TABLE, "asked", "{ udp . 10.1.2.3 . 40000 }")
        await Interception(options(), SetupErrors()).start()
        rules = namespace.run("nft", "list", "table", "ip", TABLE)
        assert "notrack" in rules
        assert "expires 9m" not in rules, "the addresses stay"
        assert "udp . 10.1.2.3 . 40000" in rules, "an answer that is under way finds its client"

    inside(namespace, body)


def test_what_is_to_stay_stays(namespace: Namespace) -> None:
    async def body() -> None:
        interception = Interception(options("-skipteardown"), SetupErrors())
        await interception.start()
        before = namespace.run("ip", "addr"), namespace.run("nft", "list", "ruleset")
        await interception.stop(10.0)
        assert (namespace.run("ip", "addr"), namespace.run("nft", "list", "ruleset")) == before

    inside(namespace, body)


_DAMAGE: dict[str, tuple[str, ...]] = {
    "the link is removed": ("ip", "link", "del", "nodelocaldns"),
    "an address is removed": ("ip", "addr", "del", "169.254.20.10/32", "dev", "nodelocaldns"),
    "all rules are flushed": ("nft", "flush", "ruleset"),
    "our table is emptied": ("nft", "flush", "table", "ip", TABLE),
    "one table is deleted": ("nft", "delete", "table", "ip6", TABLE),
}


@pytest.mark.parametrize("damage", _DAMAGE)
def test_what_others_change_is_put_right(namespace: Namespace, damage: str) -> None:
    async def body() -> None:
        # Netlink tells of links and addresses; rules are looked at once in a while.
        interval = "1s" if "nft" in _DAMAGE[damage] else "1h"
        interception = Interception(options("-syncinterval", interval), SetupErrors())
        interception.set_endpoints(ENDPOINTS)
        await interception.start()
        async with in_background(interception.keep()):
            before = state(namespace)
            namespace.run(*_DAMAGE[damage])
            assert state(namespace) != before
            await until(lambda: state(namespace) == before)

    inside(namespace, body)


def test_endpoints_change_without_the_rest(namespace: Namespace) -> None:

    async def body() -> None:
        interception = Interception(options("-syncinterval", "1h"), SetupErrors())
        await interception.start()
        async with in_background(interception.keep()):
            namespace.run("nft", "add", "element", "ip", TABLE, "alive", "{ 169.254.20.10 timeout 1h }")
            for endpoints in (ENDPOINTS, ENDPOINTS[1:], ()):
                interception.set_endpoints((*endpoints, Upstream("127.0.0.1", 53), Upstream(LOCAL[0], 53)))
                await until(lambda wanted=endpoints: translated(namespace) == sorted(map(str, wanted)))  # type: ignore[misc]
            assert "169.254.20.10" in namespace.run("nft", "list", "set", "ip", TABLE, "alive")

    inside(namespace, body)


@pytest.mark.parametrize(
    ("programs", "complaint"),
    [
        ({}, "needs the program nft (Debian package nftables)"),
        ({"nft": "echo 'Error: Could not process rule: Operation not supported' >&2; exit 1"}, "Linux 4.18"),
        ({"nft": "exec sleep 1000"}, "nft has not ended in 0.2 s"),
        ({"nft": "exec sleep 1000 >&- 2>&-"}, "nft has not ended in 0.2 s"),
    ],
    ids=["not installed", "kernel without", "hangs", "hangs silently"],
)
def test_without_rules_the_program_goes_on(
    namespace: Namespace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    programs: dict[str, str],
    complaint: str,
) -> None:
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\nPATH={os.environ['PATH']}\n{script}\n")
        (tmp_path / name).chmod(0o755)
    brief = Limit("", 0.2, 0, 1, "", "")
    monkeypatch.setattr("nodelocal.nft.INTERCEPTION_STEP_SECONDS", brief)

    async def body() -> None:
        errors = SetupErrors()
        interception = Interception(options(), errors)
        with monkeypatch.context() as patch:
            patch.setenv("PATH", str(tmp_path))
            await interception.start()
            await interception._ensure_rules()
            await interception.withdraw()
            await interception.stop(10.0)
        assert errors.iptables == 2
        assert [record.message for record in caplog.records if complaint in record.message] != []
        assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1, "said once"

    inside(namespace, body)


def test_the_end_comes_in_time_whatever_nft_does(
    namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "nft").write_text("#!/bin/sh\nexec /bin/sleep 1000\n")
    (tmp_path / "nft").chmod(0o755)

    async def body() -> None:
        interception = Interception(options(), SetupErrors())
        await interception.start()
        monkeypatch.setenv("PATH", str(tmp_path))
        await interception.stop(0.1)
        assert "could not be removed within 0.1 s" in caplog.text

    inside(namespace, body)


def test_the_end_comes_in_time_whatever_netlink_does(namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = socket.socketpair()

    async def body() -> None:
        interception = Interception(options("-setupiptables=false"), SetupErrors())
        await interception.start()
        monkeypatch.setattr("nodelocal.interface.Interface.remove", lambda self: stuck[0].recv(1))
        await interception.stop(0.1)
        errors = interception._errors
        await interception._ensure_interface()
        assert errors.interface_check == 1, "what is stuck is not piled up"

    inside(namespace, body)
    stuck[1].send(b"x")
    for end in stuck:
        end.close()


def test_a_foreign_link_ends_the_start(namespace: Namespace) -> None:
    namespace.ip("link add nodelocaldns type veth peer name other")

    async def body() -> None:
        errors = SetupErrors()
        with pytest.raises(ConfigError, match="-interfacename"):
            await Interception(options(), errors).start()
        assert errors.interface_add == 1

    inside(namespace, body)


def test_without_the_capability_the_program_goes_on(namespace: Namespace) -> None:
    said = namespace.run("setpriv", "--bounding-set=-net_admin", "python", "-c", _UNPRIVILEGED)
    assert [line.rpartition("needs ")[2] for line in said.splitlines()] == ["CAP_NET_ADMIN", "CAP_NET_ADMIN"]


_UNPRIVILEGED = """
import asyncio, logging, sys
from nodelocal.interception import Interception
from nodelocal.setup_errors import SetupErrors
from tests.netns.intercepting import options

logging.basicConfig(stream=sys.stdout, level="INFO")

async def main():
    interception = Interception(options(), SetupErrors())
    await interception.start()
    await interception._ensure_interface()
    await interception._ensure_rules()
    await interception.stop(10.0)

asyncio.run(main())
"""
