"""Interceptions of this process in a namespace, and what they leave there."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from clusterdns import __version__
from clusterdns.daemon import flags
from clusterdns.forward.upstreams import Upstream
from nodelocal.flags import FLAGS, Options, options_of
from nodelocal.interception import Interception
from nodelocal.nftables import TABLE, owner_in, revision_in
from tests.support.background import in_background
from tests.support.netns import Namespace

LOCAL = ("169.254.20.10", "fd00::10")
ENDPOINTS = (Upstream("10.1.1.1", 53), Upstream("10.1.1.2", 5353), Upstream("fd00:1::1", 53))
PATIENCE_SECONDS = 60


def options(*changes: str) -> Options:
    """nodelocal's options, of its flags."""
    arguments = ("-localip", ",".join(LOCAL), *changes)
    return options_of(flags.parse(FLAGS, arguments, program="nodelocal", version=__version__))


def inside(namespace: Namespace, body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine in the namespace."""
    namespace.call(lambda: asyncio.run(body()))


@asynccontextmanager
async def serving(interception: Interception) -> AsyncIterator[None]:
    """While the block runs, `serve` does, and has taken over: nobody listens, so that nothing is left to prove."""
    taken = asyncio.Event()
    async with in_background(interception.serve((), lambda: None, taken.set)):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await taken.wait()
        yield


def tables(namespace: Namespace) -> set[tuple[str, str]]:
    listed = json.loads(namespace.run("nft", "-j", "list", "tables"))["nftables"]
    return {(item["table"]["family"], item["table"]["name"]) for item in listed if "table" in item}


def owners(namespace: Namespace) -> set[str]:
    """Whose our tables are."""
    return {owner_in(namespace.run("nft", "list", "table", family, TABLE)) for family in ("ip", "ip6")}


def state(namespace: Namespace) -> tuple[list[str], str, str]:
    """Addresses of the link, and our rules, whosever they are."""
    addresses: list[str] = []
    with suppress(AssertionError):
        (link,) = json.loads(namespace.run("ip", "-j", "addr", "show", "nodelocaldns"))
        addresses = sorted(each["local"] for each in link["addr_info"] if each["scope"] != "link")
    rules = re.sub(r"owner-\w+", "owner", namespace.run("nft", "-s", "-t", "list", "ruleset"))
    return addresses, rules, revision_in(rules)


def translated(namespace: Namespace) -> list[str]:
    """Where clients are sent."""
    rules = namespace.run("nft", "list", "ruleset")
    return sorted(line.split("dnat to ")[1].strip() for line in rules.splitlines() if "dnat to " in line)
