"""Processes that are killed between any two calls, that compete, and that lose their Lease in the midst of a batch."""

from __future__ import annotations

import asyncio

import pytest

from externaldns.ownership import Registry, TxtRegistry
from externaldns.remark_registry import RemarkRegistry
from tests.unit.externaldns.baton import Baton
from tests.unit.externaldns.faults.emulated_api import Killed
from tests.unit.externaldns.faults.scene import ZONE, Scene

BEFORE = {
    "value": "192.0.2.1",
    "pair": "192.0.2.1,192.0.2.2",
    "type": "192.0.2.1",
    "gone": "192.0.2.1",
    "apex": "192.0.2.9",
}
AFTER = {
    "value": "192.0.2.7",
    "pair": "192.0.2.2,192.0.2.3,192.0.2.4",
    "type": "lb.example.net",
    "gone": "",
    "new": "192.0.2.1,2001:db8::1",
    "hand": "192.0.2.66",
    "theirs": "192.0.2.66",
}


class Executioner:
    """Kills the process at a write, before or after it is done; a dead process makes no more calls."""

    def __init__(self, scene: Scene, position: int, *, done: bool) -> None:
        self.dead = False
        self._left = position
        self._done = done
        scene.api.before = self._before
        scene.api.after = self._after

    def _before(self, action: str) -> None:
        if self.dead:
            raise Killed
        self._left -= 1
        if self._left == 0 and not self._done:
            self._kill()

    def _after(self, action: str) -> None:
        if self._left == 0 and self._done:
            self._kill()

    def _kill(self) -> None:
        self.dead = True
        raise Killed


def wanted_rows(scene: Scene) -> list[str]:
    """What is desired, less the rows that would be wanted in vain because they are somebody else's."""
    vain = ("a-hand", "a-theirs")
    return [row for row in scene.desired() if not row.endswith("192.0.2.66") and not row.startswith(vain)]


def final_rows(scene: Scene) -> list[str]:
    return sorted({*wanted_rows(scene), *Scene.FOREIGN})


async def change(scene: Scene, **process: Registry) -> None:
    """Bring the zone from BEFORE to AFTER with one process, which may die of it."""
    async with scene.process(registry=process.get("registry")) as running:
        await scene.until(lambda: running.ended or running.measured.last_sync > 0 or scene.api.writes > 100, 3600)


def writes_of_a_change() -> int:
    scene = Scene()
    count = 0

    async def body() -> None:
        nonlocal count
        scene.wall = 1.0
        scene.want(**BEFORE)
        await change(scene)
        before = scene.api.writes
        scene.want(**AFTER)
        await change(scene)
        assert scene.rows() == final_rows(scene)
        count = scene.api.writes - before

    scene.run(body())
    return count


WRITES = writes_of_a_change()


def remarked_rows(scene: Scene) -> list[str]:
    """All rows, each with its remark."""
    found = scene.api.store.connection.execute("SELECT rr, type, ttl, value, remark FROM records")
    return sorted(" ".join(map(str, row)) for row in found)


def remarked_change(position: int = 0, *, done: bool = False) -> tuple[int, list[str]]:
    """As a change above, with ownership in remarks; the process is killed at write `position`, and another one goes on.

    Returns the number of writes of the change and the rows in the end.
    """
    scene, registry, writes = Scene(), RemarkRegistry("me"), 0
    rows: list[str] = []

    async def body() -> None:
        nonlocal writes
        scene.wall = 1.0
        scene.want(**BEFORE)
        await change(scene, registry=registry)
        before = scene.api.writes
        scene.want(**AFTER)
        executioner = Executioner(scene, position, done=done) if position else None
        await change(scene, registry=registry)
        writes = scene.api.writes - before
        if executioner is not None:
            assert executioner.dead
            executioner.dead = False
            await change(scene, registry=registry)
        rest = scene.api.writes
        await change(scene, registry=registry)
        assert scene.api.writes == rest, "nothing is left to do"
        rows.extend(remarked_rows(scene))

    scene.run(body())
    return writes, rows


REMARKED_WRITES, REMARKED_ROWS = remarked_change()


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("position", range(1, REMARKED_WRITES + 1))
def test_killed_at_any_write_of_remarks_the_next_process_ends_in_the_same_zone(position: int, done: bool) -> None:
    assert remarked_change(position, done=done)[1] == REMARKED_ROWS


def test_remarks_say_whose_each_value_is() -> None:
    ours = [row for row in REMARKED_ROWS if row.endswith(tuple(f"shop,{name}" for name in {**BEFORE, **AFTER}))]
    others = [f"{row} " for row in Scene.FOREIGN]
    assert sorted(ours + others) == REMARKED_ROWS
    assert [row.partition(" externaldns")[0] for row in ours] == sorted(
        row for row in wanted_rows_without_owners() if row not in Scene.FOREIGN
    )
    assert REMARKED_WRITES > 8


def wanted_rows_without_owners() -> list[str]:
    scene = Scene()
    scene.want(**BEFORE)
    scene.want(**AFTER)
    try:
        return [row for row in wanted_rows(scene) if " TXT " not in row]
    finally:
        scene.api.close()


def test_there_are_positions_to_be_killed_at() -> None:
    assert WRITES > 12


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("position", range(1, WRITES + 1))
def test_killed_at_any_write_the_next_process_ends_in_exactly_the_wanted_zone(position: int, done: bool) -> None:
    scene = Scene()

    async def body() -> None:
        scene.wall = 1.0
        scene.want(**BEFORE)
        await change(scene)
        scene.want(**AFTER)
        executioner = Executioner(scene, position, done=done)
        await change(scene)
        assert executioner.dead
        assert set(Scene.FOREIGN) <= set(scene.rows())
        executioner.dead = False
        await change(scene)
        assert scene.rows() == final_rows(scene)
        writes = scene.api.writes
        await change(scene)
        assert scene.api.writes == writes

    scene.run(body())


@pytest.mark.parametrize("registry", [TxtRegistry("me"), RemarkRegistry("me")], ids=["txt", "remark"])
def test_a_second_controller_that_was_started_by_mistake(registry: Registry) -> None:
    scene = Scene()
    data: list[str] = []

    def settled() -> bool:
        nonlocal data
        data = [row for row in scene.rows() if " TXT " not in row]
        return data == [row for row in final_rows(scene) if " TXT " not in row]

    async def body() -> None:
        scene.want(**BEFORE)
        async with scene.process(registry=registry) as one, scene.process(registry=registry) as two:
            await scene.until(settled, 600)
            for round in range(5):
                scene.want(**AFTER)
                scene.want(**{f"extra{number}": f"192.0.2.{round + number}" for number in range(3)})
                await scene.until(settled, 600)
                scene.want(**BEFORE)
                scene.want(**{f"extra{number}": "" for number in range(3)})
                scene.want(new="")
                await scene.until(settled, 600)
            await scene.until(lambda: one.loop.failing == two.loop.failing == 0, 600)
            assert not one.ended
            assert not two.ended
            # And they come to rest: nobody undoes what the other has done.
            await asyncio.sleep(120)
            writes = scene.api.writes
            await asyncio.sleep(300)
            assert scene.api.writes == writes
            assert settled()

    scene.run(body())


def test_another_clusters_controller_wants_the_same_names() -> None:
    scene = Scene()

    async def body() -> None:
        scene.want(web="192.0.2.1", db="192.0.2.2")
        async with scene.process(owner="me"):
            await scene.settled(600)
            held = scene.rows()
            async with scene.process(owner="other"):
                await asyncio.sleep(180)
                assert scene.rows() == held
                scene.want(web="")
                await scene.until(lambda: not any(row.startswith("web ") for row in scene.rows()), 600)

    scene.run(body())


@pytest.mark.parametrize("position", [1, 7, 20, 55, 99])
def test_a_lease_that_is_lost_in_the_midst_of_a_batch(position: int) -> None:
    scene = Scene()
    writers: list[str] = []

    async def body() -> None:
        scene.want(**{f"h{number}": f"192.0.2.{number}" for number in range(60)})
        one, two = Baton(True), Baton(False)

        def hand_over(action: str) -> None:
            writers.append("one" if one.leads else "two")
            if len(writers) == position:
                one.give(False)
                # In between nobody leads; the next one takes the lease when it has run out.
                asyncio.get_running_loop().call_later(5, two.give, True)

        scene.api.after = hand_over
        async with scene.process(leadership=one) as first, scene.process(leadership=two):
            await scene.settled(600)
            assert writers[:position] == ["one"] * position
            assert set(writers[position:]) == {"two"}
            # Back again: what the other wrote meanwhile is read anew.
            two.give(False)
            scene.api.by_hand("DeleteZoneRecord", ZONE, RecordId=scene.api.record_ids(ZONE, "h1")[0])
            scene.want(h2="192.0.2.200")
            one.give(True)
            await scene.settled(600)
            assert not first.ended

    scene.run(body())
