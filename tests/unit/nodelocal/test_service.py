"""The program's own order of things, with an interception that only writes down what is asked of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clusterdns.daemon import flags
from clusterdns.errors import ConfigError
from nodelocal import service
from nodelocal.flags import FLAGS, options_of

# What no server can be made of, and how that is said; links and rules are there by then.
MISTAKES = {
    "autopath @node": "needs the node's name",
    "forward . /nonexistent/resolv.conf": "can't be read",
    "bind no-such-link": "no interface of this host",
}


class FakeInterception:
    """Does nothing."""

    def __init__(self) -> None:
        self.did: list[str] = []

    async def start(self) -> None:
        self.did.append("start")

    async def stop(self, deadline_seconds: float) -> None:
        self.did.append("stop")

    def set_endpoints(self, endpoints: object) -> None:
        """For cluster DNS."""

    set_servers = set_endpoints


@pytest.mark.parametrize(("line", "complaint"), MISTAKES.items(), ids=MISTAKES)
def test_a_corefile_that_is_no_use_leaves_no_link_and_no_rules(
    line: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interception = FakeInterception()
    monkeypatch.setattr(service, "Interception", lambda *_: interception)
    monkeypatch.delenv("NODE_NAME", raising=False)
    (tmp_path / "Corefile").write_text(f"cluster.local:0 {{\n    {line}\n}}\n")
    given = ["-conf", str(tmp_path / "Corefile"), "-localip", "127.0.0.1"]
    options = options_of(flags.parse(FLAGS, given, program="nodelocal", version=""))
    with pytest.raises(ConfigError, match=complaint):
        asyncio.run(service.serve(options, asyncio.Event()))
    assert interception.did == ["start", "stop"]
