"""The end of the interception comes in its time, whatever nft does; the rules themselves are for tests/netns."""

from __future__ import annotations

import asyncio

import pytest

from clusterdns.daemon import flags
from clusterdns.forward.upstreams import Upstream
from clusterdns.limits import INTERCEPTION_STEP_SECONDS
from nodelocal import nft
from nodelocal.flags import FLAGS, options_of
from nodelocal.interception import Interception
from nodelocal.setup_errors import SetupErrors
from tests.support import virtual_time

_ARGUMENTS = ["-localip", "169.254.20.10", "-setupinterface=false"]
_DEADLINE_SECONDS = 3.0


class Nft:
    """Tables that nobody has, changed in no time, until it `hangs`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hangs = False
        self.applied: list[str] = []
        monkeypatch.setattr(nft, "apply", self._apply)
        monkeypatch.setattr(nft, "listing", self._listing)

    async def _apply(self, script: str) -> None:
        await self._turn()
        self.applied.append(script)

    async def _listing(self, family: str, table: str) -> str:
        await self._turn()
        return ""

    async def _turn(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()


@pytest.mark.parametrize("changing", [False, True], ids=["nothing else is changed", "another change hangs already"])
def test_an_end_while_nft_hangs(changing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Nft(monkeypatch)

    async def body() -> None:
        loop = asyncio.get_running_loop()
        interception = Interception(options_of(flags.parse(FLAGS, _ARGUMENTS, program="", version="")), SetupErrors())
        interception.set_servers([Upstream("10.96.0.10", 53)])
        await interception.start()
        done = len(kernel.applied)
        assert done
        kernel.hangs = True
        keeping = asyncio.create_task(interception.keep())
        if changing:
            await asyncio.sleep(1.0)  # it was told of servers, and looks
        began = loop.time()
        await interception.withdraw()
        assert loop.time() == pytest.approx(began + INTERCEPTION_STEP_SECONDS.default)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await interception.stop(_DEADLINE_SECONDS)
        assert loop.time() == pytest.approx(began + INTERCEPTION_STEP_SECONDS.default + _DEADLINE_SECONDS)
        assert len(kernel.applied) == done

    virtual_time.run(body())
