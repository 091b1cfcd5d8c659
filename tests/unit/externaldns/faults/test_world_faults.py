"""What goes wrong around externaldns: clocks that jump, empty lists, mass deletion."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from clusterdns.kube.objects import Service
from externaldns.decision import Rules
from externaldns.guard import DeleteLimits
from tests.unit.externaldns.faults.scene import PREFIX, Process, Scene
from tests.unit.kube.electing import LeaseInMemory, candidate

WANTED = {
    "web": "192.0.2.1",
    "pair": "192.0.2.1,192.0.2.2",
    "alias": "lb.example.net",
    **{f"h{number}": f"192.0.2.{number}" for number in range(40)},
}


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


@pytest.mark.parametrize(
    ("election", "pause", "goes_at"),
    [
        pytest.param(True, 0.0, None, id="the Lease says what the process before has deleted"),
        pytest.param(True, 660.0, 0, id="that was long ago"),
        pytest.param(False, 0.0, 600, id="without a Lease: when ten minutes are over"),
    ],
)
def test_portions_that_are_too_many_together_stop_across_a_restart(
    election: bool, pause: float, goes_at: float | None
) -> None:
    scene, api = Scene(), LeaseInMemory()

    async def body() -> None:
        clock = asyncio.get_running_loop().time
        scene.want(**{f"h{number}": "192.0.2.1" for number in range(200)})
        async with one_process(scene, api, "first", election):
            await scene.settled(600)
            await asyncio.sleep(660)
            scene.want(**{f"h{number}": "" for number in range(40)})
            await scene.settled(120)
        scene.wall += pause
        scene.want(**{f"h{number}": "" for number in range(40, 80)})
        began = clock()
        async with one_process(scene, api, "second", election) as process:
            await asyncio.sleep(30)
            if goes_at is None:
                await asyncio.sleep(300)
                assert process.measured.deletions_waiting == 40
                assert "h79 A 60 192.0.2.1" in scene.rows()
                return
            await scene.settled(1200)
            assert goes_at <= clock() - began <= goes_at + 120

    scene.run(body())


def test_portions_that_are_too_many_together_stop_when_a_standby_takes_over() -> None:
    scene, api = Scene(), LeaseInMemory()

    async def body() -> None:
        scene.want(**{f"h{number}": "192.0.2.1" for number in range(200)})
        async with AsyncExitStack() as until_the_end:
            async with one_process(scene, api, "first", election=True):
                await scene.settled(600)
                standby = await until_the_end.enter_async_context(one_process(scene, api, "second", election=True))
                await asyncio.sleep(660)
                scene.want(**{f"h{number}": "" for number in range(40)})
                await scene.settled(120)
            scene.want(**{f"h{number}": "" for number in range(40, 80)})
            await asyncio.sleep(330)
            assert standby.measured.deletions_waiting == 40
            assert "h79 A 60 192.0.2.1" in scene.rows()

    scene.run(body())


@asynccontextmanager
async def one_process(scene: Scene, api: LeaseInMemory, name: str, election: bool) -> AsyncIterator[Process]:
    """A process, with a Lease of its own or without any."""
    if not election:
        async with scene.process() as process:
            yield process
        return
    async with candidate(api, name) as leader, scene.process(leadership=leader) as process:
        yield process
