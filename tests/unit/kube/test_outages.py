"""The watch of an API server when things break: cut connections, lost history, refusals, a server that is away.

All on virtual time, so that minutes of backoff pass at once; every wait is for an event, never for a time.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from clusterdns.kube.api import ApiServer
from tests.support.apiserver import ApiServerDouble, Request
from tests.unit.kube.scene import Scene, many, names, play, until


@pytest.fixture(autouse=True, params=[True, False], ids=["streamed lists", "paged lists"])
def _streams(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ApiServerDouble, "streams", request.param)


# Broken in every way. Each row: what happens while a watch is open; afterwards the server has one more Service and
# lacks another, and the store must get there. Then: how many lists there were in all.


async def restart(scene: Scene) -> None:
    await scene.server.stop()
    await scene.server.start()


async def cut(scene: Scene) -> None:
    scene.server.cut_watches()


async def cut_in_event(scene: Scene) -> None:
    scene.server.cut_watches(in_event=True)


async def end(scene: Scene) -> None:
    scene.server.end_watches()


async def expire(scene: Scene) -> None:
    scene.server.end_watches()
    scene.server.put("Service", "unseen", "shop")
    scene.server.expire_history()


async def restore_backup(scene: Scene) -> None:
    scene.server.restore_backup()
    scene.server.end_watches()


async def nonsense(scene: Scene) -> None:
    scene.server.send_line(b"<html>502 Bad Gateway</html>\n")


async def odd_object(scene: Scene) -> None:
    scene.server.send_line(b'{"type":"ADDED","object":{"metadata":{"name":5}}}\n')


async def empty_lines(scene: Scene) -> None:
    scene.server.send_line(b"\n\n")


BREAKS: list[tuple[str, Callable[[Scene], Awaitable[None]], int]] = [
    ("connection reset", cut, 1),
    ("connection reset in the middle of an event", cut_in_event, 1),
    ("ended early by the server", end, 1),
    ("server goes and comes back at once", restart, 1),
    ("history expired: 410 in an ERROR event", expire, 2),
    ("etcd restored: our version lies in the future", restore_backup, 2),
    ("a line that is no event", nonsense, 2),
    ("an object that can not be read", odd_object, 1),
    ("empty lines", empty_lines, 1),
]


@pytest.mark.parametrize(("happen", "lists"), [row[1:] for row in BREAKS], ids=[row[0] for row in BREAKS])
def test_broken_watches(tmp_path: Path, happen: Callable[[Scene], Awaitable[None]], lists: int) -> None:
    async def script(scene: Scene) -> None:
        await scene.watched("Service")
        await happen(scene)
        scene.server.delete("Service", "web", "shop")
        scene.server.put("Service", "after", "shop")
        with suppress(KeyError):
            scene.server.delete("Service", "unseen", "shop")
        await scene.services("after", "db")
        await scene.watched("Service")
        assert len(scene.server.lists("services")) == lists
        # And it is a live watch again, not just a list.
        scene.server.put("Service", "live", "shop")
        await scene.services("after", "db", "live")

    play(tmp_path, script)


def test_silent_watch_is_given_up(tmp_path: Path) -> None:
    """No event, no bookmark, no end: a connection whose other side is gone. 150 s, then list and compare."""

    async def script(scene: Scene) -> None:
        await scene.server.until(lambda: len(scene.server.lists("services")) == 2)
        first, second = scene.server.lists("services")
        assert second.at - first.at == pytest.approx(150, abs=2)

    def silence(server: ApiServerDouble) -> None:
        server.bookmarks = False

    play(tmp_path, script, prepare=silence)


def test_a_lost_event_is_made_up_for_by_a_list(tmp_path: Path) -> None:
    """Bookmarks come, and nothing ever says that a change was lost: after an hour list and compare."""

    async def script(scene: Scene) -> None:
        await scene.watched("Service")
        scene.server.lose("Service", "web", "shop")
        await scene.services("db")
        assert len(scene.server.lists("services")) == 2
        scene.server.put("Service", "live", "shop")
        await scene.services("db", "live")

    play(tmp_path, script)


def test_streamed_list_that_is_cut(tmp_path: Path) -> None:
    """What came stays, and the whole list is asked for again."""

    async def script(scene: Scene) -> None:
        await scene.watched("Service")
        assert len(scene.cluster.services) == 1002
        assert len(scene.server.asked("services")) == 4
        scene.server.put("Service", "live", "shop")
        await until(scene.cluster.services, lambda: "live" in names(scene.cluster.services))

    def cut_thrice(server: ApiServerDouble) -> None:
        many(server)
        server.streams = True
        server.stream_cuts = [0, 1, 1001]

    play(tmp_path, script, prepare=cut_thrice)


def test_slow_answers(tmp_path: Path) -> None:
    """A server that takes twenty seconds for everything is waited for."""

    async def script(scene: Scene) -> None:
        await scene.services("db", "web")
        await scene.watched("Service")
        assert len(scene.server.lists("services")) == 1

    def be_slow(server: ApiServerDouble) -> None:
        server.slowness = 20.0

    play(tmp_path, script, prepare=be_slow)


def test_expired_continue_token(tmp_path: Path) -> None:
    """410 in the middle of a paged list: start over, at once."""

    async def script(scene: Scene) -> None:
        await scene.watched("Service")
        assert len(scene.cluster.services) == 1002
        pages = scene.server.pages("services")
        assert ["continue" in each.query for each in pages] == [False, True, False, True, True]
        assert pages[-1].at - pages[0].at < 0.4

    def expire_once(server: ApiServerDouble) -> None:
        def before_answer(request: Request) -> None:
            if len(server.pages("services")) == 2:
                server.expire_history()

        many(server)
        server.streams = False
        server.before_answer = before_answer

    play(tmp_path, script, prepare=expire_once)


def test_pages_without_a_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something in between says 200, and nothing else: that is no list, and none of the other kinds' business."""
    nothing, get = [b""] * 2, ApiServer.get

    async def get_nothing_twice(self: ApiServer, path: str, query: Mapping[str, str]) -> bytes:
        return nothing.pop() if nothing and path.endswith("/services") else await get(self, path, query)

    async def script(scene: Scene) -> None:
        await scene.services("db", "web")
        await scene.watched("Service")
        assert nothing == []

    def page(server: ApiServerDouble) -> None:
        server.streams = False

    monkeypatch.setattr(ApiServer, "get", get_nothing_twice)
    play(tmp_path, script, prepare=page)


REFUSALS = [401, 403, 429, 500, 503]


@pytest.mark.parametrize("status", REFUSALS)
def test_refused_list_is_tried_for_ever(tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int) -> None:
    def refuse(server: ApiServerDouble) -> None:
        server.refusals["services"] = status

    async def script(scene: Scene) -> None:
        await scene.watched("Pod")
        await scene.server.until(lambda: len(scene.server.asked("services")) == 9)
        times = [each.at for each in scene.server.asked("services")]
        pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert pauses == pytest.approx([0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 15, 15], abs=0.3)
        assert not scene.cluster.services.synced
        scene.server.refusals.clear()
        await scene.services("db", "web")
        await scene.watched("Service")

    caplog.set_level(logging.INFO)
    play(tmp_path, script, frozenset({"Service", "Pod"}), prepare=refuse)
    down, up = caplog.messages
    assert down.startswith(f"no current services, the last known stay in use: Kubernetes API: {status} ")
    assert up == "services are current again"


def test_server_away_for_a_minute(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def script(scene: Scene) -> None:
        await scene.watched("Service")
        await scene.server.stop()
        await asyncio.sleep(60)
        assert names(scene.cluster.services) == ["db", "web"]
        assert scene.cluster.services.synced
        scene.server.put("Service", "meanwhile", "shop")
        await scene.server.start()
        await scene.services("db", "meanwhile", "web")
        assert len(scene.server.lists("services")) == 1

    caplog.set_level(logging.INFO)
    play(tmp_path, script)
    assert len(caplog.messages) == 2
    assert caplog.messages[1] == "services are current again"


def test_rotated_token(tmp_path: Path) -> None:
    """The server takes another token from now on; the kubeconfig that has it is read again after the first 401."""

    async def script(scene: Scene) -> None:
        await scene.watched("Service")
        scene.server.token = "second-token"
        scene.server.kubeconfig(scene.folder)
        scene.server.end_watches()
        scene.server.put("Service", "after", "shop")
        await scene.services("after", "db", "web")
        assert [each.token for each in scene.server.requests][-2:] == ["first-token", "second-token"]

    play(tmp_path, script)


def test_kubeconfig_broken_while_running_is_trouble_not_the_end(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.watched("Service")
        scene.server.token = "second-token"
        (scene.folder / "kubeconfig.json").write_text("{}")
        asked = len(scene.server.asked("services"))
        scene.server.cut_watches()
        await scene.server.until(lambda: len(scene.server.asked("services")) > asked)
        await asyncio.sleep(10)
        scene.server.kubeconfig(scene.folder)
        scene.server.put("Service", "after", "shop")
        await scene.services("after", "db", "web")

    play(tmp_path, script)


def test_forbidden_kind_does_not_hold_up_others(tmp_path: Path) -> None:
    def forbid(server: ApiServerDouble) -> None:
        server.refusals["nodes"] = 403

    async def script(scene: Scene) -> None:
        await scene.watched("Service")
        scene.server.put("Service", "new", "shop")
        await scene.services("db", "new", "web")
        assert not scene.cluster.nodes.synced

    play(tmp_path, script, frozenset({"Service", "Node"}), prepare=forbid)
