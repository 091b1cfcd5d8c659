"""A zone that is made below one that has our records already: they move, and nothing of others does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from externaldns.decision import Rules
from externaldns.ownership import Registry, TxtRegistry
from externaldns.policy import upsert_only
from externaldns.providers.privatezone.failure import UNREACHABLE, PrivateZoneError
from externaldns.remark_registry import RemarkRegistry
from tests.unit.externaldns.faults.emulated_api import EmulatedApi, Killed
from tests.unit.externaldns.faults.scene import ZONE, Scene

TXT, REMARK = TxtRegistry("me"), RemarkRegistry("me")
BELOW = f"prod.{ZONE}"
WANTED = {f"h{number}": "192.0.2.1" for number in range(20)}
MOVING = {"web.prod": "192.0.2.1", "pair.prod": "192.0.2.1,192.0.2.2", "prod": "192.0.2.3"}
THEIRS = (
    'a-other.prod TXT 60 "heritage=external-dns,external-dns/owner=them,external-dns/resource=service/x/other"',
    "hand.prod A 60 198.51.100.7",
    "other.prod A 60 198.51.100.8",
    "web.prod MX 60 mail.example.net",
)


def data(rows: list[str]) -> list[str]:
    return [row for row in rows if " TXT " not in row]


def foreign(scene: Scene) -> None:
    for line in THEIRS:
        rr, record_type, ttl, value = line.split(" ", 3)
        scene.api.by_hand("AddZoneRecord", ZONE, Rr=rr, Type=record_type, Ttl=ttl, Value=value)


def rows_above(scene: Scene, *gone: str) -> list[str]:
    """What ex.com is to have in the end: all but what moved, or went."""
    moved = [*MOVING, *gone]
    prefixes = tuple(f"{start}{name} " for name in moved for start in ("", "a-", "aaaa-", "cname-"))
    return sorted([*(row for row in scene.desired() if not row.startswith(prefixes)), *THEIRS])


@pytest.mark.parametrize("registry", [TXT, REMARK], ids=["txt", "remark"])
@pytest.mark.parametrize("answers_lost", [0, 3])
def test_records_move_into_it_and_each_is_there_before_the_old_one_goes(registry: Registry, answers_lost: int) -> None:
    scene = Scene()
    below: list[str] = []

    def look(action: str) -> None:
        """No name of ours is taken out of the upper zone before the lower one has it."""
        nonlocal answers_lost
        if action != "DeleteZoneRecord":
            return
        names = {row.split()[0] for row in data(scene.api.rows(BELOW))}
        gone = {row.split()[0] for row in below} - {row.split()[0] for row in data(scene.rows())}
        assert {"@" if name == "prod" else name.removesuffix(".prod") for name in gone} <= names
        if answers_lost:
            answers_lost -= 1
            raise PrivateZoneError(action, UNREACHABLE, "lost")

    async def body() -> None:
        scene.want(**WANTED, **MOVING)
        async with scene.process(registry=registry):
            await scene.until(lambda: len(data(scene.rows())) == 26, 600)
            foreign(scene)
            await asyncio.sleep(130)
            below.extend(row for row in data(scene.rows()) if row.split()[0] in MOVING and " MX " not in row)
            scene.api.after = look
            scene.api.add(BELOW)
            expected = ["@ A 60 192.0.2.3", "pair A 60 192.0.2.1", "pair A 60 192.0.2.2", "web A 60 192.0.2.1"]
            await scene.until(lambda: data(scene.api.rows(BELOW)) == expected, 120)
            await scene.until(lambda: data(scene.rows()) == data(rows_above(scene)), 300)
            await asyncio.sleep(130)
            left = ["a-prod"] if registry is TXT else []
            texts = [row for row in scene.rows() if " TXT " in row]
            others = [row for row in rows_above(scene) if " TXT " in row] if registry is TXT else texts
            assert [row.split()[0] for row in texts if row not in others] == left
            # Its ownership record is in the upper zone, where ExternalDNS has it as well; it goes with the record.
            scene.want(prod="")
            await scene.until(lambda: not any(row.startswith(("@", "a-_apex")) for row in scene.api.rows(BELOW)), 120)
            assert "a-prod" not in [row.split()[0] for row in scene.rows()]
            writes = scene.api.writes
            await asyncio.sleep(300)
            assert (scene.api.writes, data(scene.rows())) == (writes, data(rows_above(scene)))

    scene.run(body())


@pytest.mark.parametrize(
    ("leave", "stay"),
    [
        pytest.param(lambda scene: scene.want(**{"web.prod": ""}), False, id="one that no object wants goes"),
        pytest.param(lambda scene: scene.cluster.services.replace(()), True, id="a mass of them is stopped"),
    ],
)
def test_what_no_object_wants_any_more_goes_through_the_guard(leave: Callable[[Scene], None], stay: bool) -> None:
    scene = Scene()

    async def body() -> None:
        scene.want(**WANTED, **MOVING, **{f"h{number}.prod": "192.0.2.1" for number in range(20)})
        async with scene.process():
            await scene.settled(600)
            await asyncio.sleep(130)
        leave(scene)
        scene.api.add(BELOW)
        async with scene.process() as process:
            await asyncio.sleep(200)
            assert ("web.prod A 60 192.0.2.1" in scene.rows()) is stay
            assert ("h1.prod A 60 192.0.2.1" in scene.rows()) is stay
            assert ("h1 A 60 192.0.2.1" in scene.api.rows(BELOW)) is not stay
            assert (process.measured.deletions_waiting > 20) is stay
            assert "a-prod" in [row.split()[0] for row in scene.rows()], "whether the record is above or below"

    scene.run(body())


@pytest.mark.parametrize("registry", [TXT, REMARK], ids=["txt", "remark"])
def test_a_process_that_dies_before_the_old_ones_go_leaves_them_to_the_next(registry: Registry) -> None:
    scene = Scene()

    def die(action: str) -> None:
        if action == "DeleteZoneRecord":
            raise Killed

    async def body() -> None:
        scene.want(**WANTED, **MOVING)
        async with scene.process(registry=registry):
            await scene.until(lambda: len(data(scene.rows())) == 26, 600)
        scene.api.add(BELOW)
        scene.api.before = die
        async with scene.process(registry=registry) as process:
            await scene.until(lambda: process.ended, 300)
        scene.api.before = lambda action: None
        async with scene.process(registry=registry):
            await scene.until(lambda: len(data(scene.api.rows(BELOW))) == 4, 300)
            await scene.until(lambda: not any(".prod" in row for row in data(scene.rows())), 300)

    scene.run(body())


@pytest.mark.parametrize("registry", [TXT, REMARK], ids=["txt", "remark"])
def test_one_that_somebody_else_has_there_stays_above(registry: Registry) -> None:
    scene = Scene()
    remark = {"Remark": "externaldns,them,service,x,web"} if registry is REMARK else {}

    async def body() -> None:
        scene.want(**WANTED, **MOVING)
        async with scene.process(registry=registry):
            await scene.until(lambda: len(data(scene.rows())) == 26, 600)
            scene.api.add(BELOW)
            scene.api.by_hand("AddZoneRecord", BELOW, Rr="web", Type="A", Value="198.51.100.9", **remark)
            await scene.until(lambda: "pair A 60 192.0.2.1" in scene.api.rows(BELOW), 300)
            await asyncio.sleep(300)
            assert [row for row in data(scene.rows()) if ".prod" in row] == ["web.prod A 60 192.0.2.1"]
            assert [row for row in scene.api.rows(BELOW) if row.startswith("web ")] == ["web A 60 198.51.100.9"]

    scene.run(body())


@pytest.mark.parametrize("registry", [TXT, REMARK], ids=["txt", "remark"])
def test_a_policy_that_deletes_nothing_leaves_what_is_hidden(registry: Registry) -> None:
    scene = Scene()

    async def body() -> None:
        scene.want(**WANTED, **MOVING)
        async with scene.process(registry=registry, rules=Rules(upsert_only)):
            await scene.until(lambda: len(data(scene.rows())) == 26, 600)
            held = scene.rows()
            scene.api.add(BELOW)
            await scene.until(lambda: "web A 60 192.0.2.1" in scene.api.rows(BELOW), 300)
            await asyncio.sleep(300)
            assert scene.rows() == held

    scene.run(body())


def test_a_zone_that_cannot_be_read_leaves_the_one_above_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    list_rows = EmulatedApi.list_rows

    def refuse(api: EmulatedApi, zone_id: str, page: int, rr: str = "") -> object:
        if api.store.zones_named(BELOW) and zone_id == api.store.zones_named(BELOW)[0].zone_id:
            raise PrivateZoneError("DescribeZoneRecords", "Forbidden.RAM", "no", status=403)
        return list_rows(api, zone_id, page, rr)

    monkeypatch.setattr(EmulatedApi, "list_rows", refuse)

    async def body() -> None:
        scene.want(**WANTED, **MOVING)
        async with scene.process():
            await scene.settled(600)
            held = scene.rows()
            scene.api.add(BELOW)
            await asyncio.sleep(300)
            assert scene.rows() == held
            monkeypatch.undo()
            await scene.until(lambda: "web A 60 192.0.2.1" in scene.api.rows(BELOW), 300)

    scene.run(body())
