"""What goes wrong around externaldns: rows edited by hand, clocks that jump, empty lists, mass deletion."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from clusterdns.kube.objects import Service
from externaldns.controller import Rules
from externaldns.guard import DeleteLimits
from tests.unit.externaldns.faults.scene import PREFIX, ZONE, Scene

WANTED = {
    "web": "192.0.2.1",
    "pair": "192.0.2.1,192.0.2.2",
    "alias": "lb.example.net",
    **{f"h{number}": f"192.0.2.{number}" for number in range(40)},
}


def edit(action: str, rr: str, **fields: object) -> Callable[[Scene], None]:
    """An edit of the first row of `rr` at the console."""

    def do(scene: Scene) -> None:
        scene.api.by_hand(action, ZONE, RecordId=scene.api.record_ids(ZONE, rr)[0], **fields)

    return do


def add(**fields: object) -> Callable[[Scene], None]:
    return lambda scene: scene.api.by_hand("AddZoneRecord", ZONE, **fields)


EDITS: dict[str, Callable[[Scene], None]] = {
    "a record deleted": edit("DeleteZoneRecord", "web"),
    "an ownership record deleted": edit("DeleteZoneRecord", "cname-alias"),
    "a value changed": edit("UpdateZoneRecord", "web", Rr="web", Type="A", Value="203.0.113.1"),
    "a TTL changed": edit("UpdateZoneRecord", "web", Rr="web", Type="A", Value="192.0.2.1", Ttl=3600),
    "one TTL of a set changed": edit("UpdateZoneRecord", "pair", Rr="pair", Type="A", Value="192.0.2.1", Ttl=5),
    "a value added to a set": add(Rr="pair", Type="A", Value="203.0.113.1"),
    "one value of a set deleted": edit("DeleteZoneRecord", "pair"),
    "a record moved to another name": edit("UpdateZoneRecord", "web", Rr="elsewhere", Type="A", Value="192.0.2.1"),
}


@pytest.mark.parametrize("what", EDITS)
def test_rows_edited_by_hand_are_put_right(what: str) -> None:
    scene = Scene()

    async def body() -> None:
        scene.want(**WANTED)
        async with scene.process():
            await scene.settled(600)
            await asyncio.sleep(130)
            EDITS[what](scene)
            if what == "an ownership record deleted":
                # Then it is nobody's, and left alone; as it was before we came, for all that anybody can tell.
                await asyncio.sleep(180)
                assert "alias CNAME 60 lb.example.net" in scene.rows()
                return
            if what == "a record moved to another name":
                # The moved row is nobody's now, and the name that lost it gets it back.
                await scene.until(lambda: "web A 60 192.0.2.1" in scene.rows(), 180)
                assert "elsewhere A 60 192.0.2.1" in scene.rows()
                return
            assert await scene.settled(180) <= 61

    scene.run(body())


def test_a_disabled_row_answers_again() -> None:
    scene = Scene()

    async def body() -> None:
        scene.want(**WANTED)
        async with scene.process():
            await scene.settled(600)
            await asyncio.sleep(130)
            edit("SetZoneRecordStatus", "web", Status="DISABLE")(scene)
            await scene.until(lambda: _statuses(scene) == {"ENABLE"}, 180)

    scene.run(body())


def _statuses(scene: Scene) -> set[str]:
    return {row[0] for row in scene.api.store.connection.execute("SELECT DISTINCT status FROM records")}


@pytest.mark.parametrize("hours", [0.01, 1, 1000])
def test_a_machine_that_was_suspended(hours: float) -> None:
    scene = Scene()

    async def body() -> None:
        scene.want(**WANTED)
        async with scene.process() as process:
            await scene.settled(600)
            scene.jump = hours * 3600
            scene.want(web="192.0.2.7")
            await scene.settled(60)
            assert not process.ended

    scene.run(body())


@pytest.mark.parametrize("wall", [-1e9, 0.0, 4e9])
def test_a_wall_clock_that_jumps_delays_nothing(wall: float) -> None:
    scene = Scene()

    async def body() -> None:
        scene.want(**WANTED)
        async with scene.process():
            await scene.settled(600)
            scene.wall = wall
            scene.want(web="192.0.2.7", new="192.0.2.8", h1="")
            assert await scene.settled(60) <= 2

    scene.run(body())


def without_prefix(scene: Scene) -> None:
    """The annotation prefix is another one now, as when v0.22 of ExternalDNS came."""
    for service in list(scene.cluster.services):
        renamed = {key.replace(PREFIX, "example.org/"): value for key, value in service.annotations.items()}
        scene.cluster.services.put(Service(namespace=service.namespace, name=service.name, annotations=renamed))


def emptied(scene: Scene) -> None:
    """The API server answers with an empty list."""
    scene.cluster.services.replace(())


def trickling(scene: Scene) -> None:
    """The objects go one after the other, as when their custom resource or namespace is deleted."""

    async def delete() -> None:
        for service in list(scene.cluster.services):
            scene.cluster.services.delete(service.key)
            await asyncio.sleep(0.5)

    scene.trickle = asyncio.create_task(delete())  # type: ignore[attr-defined]


@pytest.mark.parametrize("mishap", [without_prefix, emptied, trickling])
def test_mass_deletion_is_stopped_and_can_be_allowed(
    mishap: Callable[[Scene], None], caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene()

    async def body() -> None:
        scene.want(**WANTED)
        everything = scene.desired()
        async with scene.process() as process:
            await scene.settled(600)
            services = list(scene.cluster.services)
            mishap(scene)
            await asyncio.sleep(400)
            lost = len(everything) - len(scene.rows())
            assert lost <= 2 * 13, "no more than 30 % of 44 records, each with its ownership record"
            assert process.measured.deletions_waiting > 0
            assert "run with --allow-mass-delete" in caplog.text
            # It was a mistake: they come back, and nothing was lost.
            scene.cluster.services.replace(services)
            await scene.settled(600)
            assert scene.rows() == everything
            scene.cluster.services.replace(())
            await asyncio.sleep(400)
            assert len(scene.rows()) > 60
        allowed = Rules(deletions=DeleteLimits(allow_mass_delete=True))
        async with scene.process(rules=allowed):
            await scene.settled(600)
            assert scene.rows() == sorted(Scene.FOREIGN)

    scene.run(body())
