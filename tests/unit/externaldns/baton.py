"""Leadership that a test hands over."""

from __future__ import annotations

import asyncio

from clusterdns.kube.leader import Alone, NotLeading


class Baton(Alone):
    """Whoever has it leads; nothing is asked of an API server."""

    def __init__(self, leads: bool = False) -> None:
        self.leads = leads
        self._news = asyncio.Event()

    def give(self, leads: bool) -> None:
        self.leads = leads
        self._news.set()

    async def leading(self) -> None:
        while not self.leads:
            self._news.clear()
            await self._news.wait()

    async def confirm(self) -> None:
        self.require()

    def require(self) -> None:
        if not self.leads:
            raise NotLeading("the lease is lost")
