"""One of several processes that answer: it hears of every change, or it ends."""

from __future__ import annotations

import asyncio
import socket

import pytest

from autopath.processes import _answer
from autopath.service import DIRECTIVES
from autopath.shared import SharedClusters
from clusterdns.corefile.parse import parse
from clusterdns.daemon.channel import Channel
from clusterdns.daemon.corefile_loader import Loaded
from clusterdns.daemon.dns_server import DnsServer
from clusterdns.daemon.processes import READY
from clusterdns.demo.processes import free_ports
from clusterdns.directives.config.server import load


def test_one_that_can_not_say_how_it_is_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: DnsServer) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(DnsServer, "say_ready", fail)
    (port,) = free_ports(1)
    corefile = f".:{port} {{\n bind 127.0.0.1\n whoami\n}}"

    async def main() -> None:
        ours, theirs = socket.socketpair()
        above = await Channel.open(ours)
        loaded = Loaded(load(parse(corefile, "Corefile", environ={}), DIRECTIVES), "")
        above.send(READY)
        answering = asyncio.create_task(_answer(loaded, SharedClusters({}), theirs, asyncio.Event()))
        ended, _ = await asyncio.wait({answering}, timeout=10)
        assert ended, "it answers on"
        with pytest.raises(ZeroDivisionError):
            await answering
        await above.close()

    asyncio.run(main())
