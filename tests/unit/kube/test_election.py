"""Leader election: the decisions at given times, and candidates against an API server on virtual time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clusterdns.errors import KubeApiError
from clusterdns.kube.access import Access
from clusterdns.kube.api import ApiServer
from clusterdns.kube.election import Election
from clusterdns.kube.leader import NOTE, Leader, NotLeading
from clusterdns.kube.lease import Lease, LeaseClient
from tests.support import virtual_time
from tests.support.apiserver import ApiServerDouble
from tests.support.background import in_background
from tests.unit.kube.electing import LeaseInMemory, candidate


def lease(holder: str, version: str = "1", renewed: str = "r1", duration: float = 15) -> Lease:
    return Lease(holder, version, duration, renewed, "a1", 3)


@pytest.mark.parametrize(
    ("seen", "looks", "now", "takes"),
    [
        pytest.param(None, [0.0], 0.0, True, id="there is none"),
        pytest.param(lease("other"), [0.0], 14.9, False, id="somebody's"),
        pytest.param(lease("other"), [0.0], 15.0, True, id="somebody's, not renewed for its duration"),
        pytest.param(lease("other"), [100.0], 101.0, False, id="old, but first seen a moment ago"),
        pytest.param(lease("other", duration=0), [0.0], 14.9, False, id="no duration given"),
        pytest.param(lease(""), [0.0], 0.0, True, id="given back"),
        pytest.param(lease("me"), [0.0], 0.0, True, id="ours, from before a restart"),
    ],
)
def test_who_may_take_it(seen: Lease | None, looks: list[float], now: float, takes: bool) -> None:
    election = Election("me")
    for moment in looks:
        election.look(seen, moment)
    wanted = election.step(now, wall=0.0)
    assert (wanted is not None) is takes
    if wanted is not None:
        assert wanted.holder == "me"
        assert wanted.version == (seen.version if seen else "")
    assert not election.leads(now), "not before the server has said so"


def test_taking_over_counts_a_transition_and_renewing_does_not() -> None:
    election = Election("me")
    election.look(lease("other"), 0.0)
    taken = election.step(20.0, wall=1_000_000_000.5)
    assert taken == Lease("me", "1", 15, "2001-09-09T01:46:40.500000Z", "2001-09-09T01:46:40.500000Z", 4)
    held = Lease("me", "2", 15, taken.renewed, taken.acquired, 4)
    election.won(held, 20.1)
    election.look(held, 22.0)
    renewed = election.step(22.0, wall=1_000_000_002.0)
    assert renewed == Lease("me", "2", 15, "2001-09-09T01:46:42.000000Z", taken.acquired, 4)


def test_a_leader_that_cannot_renew_stops_before_anybody_else_starts() -> None:
    election = Election("me")
    election.look(None, 0.0)
    election.step(0.0, 0.0)
    election.won(lease("me"), 3.0)
    assert election.leads(9.9)
    assert not election.leads(10.0), "ten seconds after it asked, not after it was told"


def test_a_lease_that_was_taken_from_us_is_lost_at_once() -> None:
    election = Election("me")
    election.look(None, 0.0)
    election.step(0.0, 0.0)
    election.won(lease("me"), 0.0)
    election.look(lease("other", "2"), 1.0)
    assert not election.leads(1.0)
    assert election.release(0.0) is None


def test_one_leads_the_other_stands_by_and_takes_over_when_it_is_given_back() -> None:
    async def body() -> None:
        api = LeaseInMemory()
        async with candidate(api, "two") as two:
            async with candidate(api, "one") as one:
                await asyncio.wait_for(asyncio.wait({asyncio.ensure_future(one.leading())}, timeout=1), 2)
                leaders = [each for each in (one, two) if each.leads]
                assert len(leaders) == 1
                leaders[0].require()
                await leaders[0].confirm()
                [other] = [each for each in (one, two) if not each.leads]
                with pytest.raises(NotLeading, match=leaders[0].holder):
                    other.require()
                with pytest.raises(NotLeading):
                    await other.confirm()
                for _ in range(60):
                    await asyncio.sleep(1)
                    assert [each.leads for each in (one, two)].count(True) == 1
                    assert leaders[0].leads
            await asyncio.wait_for(two.leading(), 3)

    virtual_time.run(body())


@pytest.mark.parametrize(
    ("finished", "until"),
    [
        pytest.param(True, (60.0, 63.0), id="what has begun ends after a minute: given back then"),
        pytest.param(False, (74.0, 80.0), id="it does not end: the lease runs out"),
    ],
)
def test_the_lease_is_kept_while_what_was_begun_under_it_goes_on(finished: bool, until: tuple[float, float]) -> None:
    async def body() -> None:
        api = LeaseInMemory()
        clock = asyncio.get_running_loop().time
        told_to_end = 0.0

        async def finish() -> bool:
            nonlocal told_to_end
            told_to_end = clock()
            await asyncio.sleep(60)
            return finished

        two = Leader(api, "two", clock=clock, wall_clock=lambda: 0.0)  # type: ignore[arg-type]
        async with candidate(api, "one", finish=finish) as one:
            await one.leading()
            standing_by = asyncio.create_task(two.run())
            taking = asyncio.create_task(two.leading())
            await asyncio.sleep(5)
        await taking
        assert until[0] <= clock() - told_to_end <= until[1]
        assert not one.leads
        standing_by.cancel()
        await asyncio.wait({standing_by})

    virtual_time.run(body())


@pytest.mark.parametrize("wall", [0.0, 4e9], ids=["a clock in the past", "a clock in the future"])
def test_while_the_server_is_away_at_most_one_leads_and_then_one_does(wall: float) -> None:
    async def body() -> None:
        api = LeaseInMemory()
        async with candidate(api, "one") as one, candidate(api, "two", wall) as two:
            await asyncio.sleep(5)
            api.away = True
            for second in range(60):
                await asyncio.sleep(1)
                leading = [each.leads for each in (one, two)].count(True)
                assert leading <= 1
                assert second < 11 or leading == 0
            api.away = False
            await asyncio.sleep(5)
            assert [each.leads for each in (one, two)].count(True) == 1

    virtual_time.run(body())


def test_a_lease_that_we_may_not_have_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        api = LeaseInMemory()
        api.away = True
        async with candidate(api, "one"):
            await asyncio.sleep(60)
            api.away = False
            await asyncio.sleep(10)
            api.away = True
            await asyncio.sleep(60)

    virtual_time.run(body())
    assert caplog.text.count("can't take or renew the lease: ") == 2


def test_a_confirmation_asks_the_server_when_the_last_renewal_is_not_fresh() -> None:
    async def body() -> None:
        api = LeaseInMemory()
        clock = asyncio.get_running_loop().time
        leader = Leader(api, "one", clock=clock, wall_clock=lambda: 0.0)  # type: ignore[arg-type]
        await leader.confirm()
        await leader.confirm()
        assert api.writes == 1
        await asyncio.sleep(3)
        # Frozen for three seconds, say; meanwhile an operator has given the lease to another one.
        api.lease = lease("other", "99")
        with pytest.raises(NotLeading, match="other is"):
            await leader.confirm()

    virtual_time.run(body())


def test_what_was_begun_before_another_one_led_is_not_gone_on_with() -> None:
    async def body() -> None:
        api = LeaseInMemory()
        clock = asyncio.get_running_loop().time
        leader = Leader(api, "one", clock=clock, wall_clock=lambda: 0.0)  # type: ignore[arg-type]
        await leader.confirm()
        leader.leave_note("ours, not written yet")
        api.lease = Lease("other", "99", 15, annotations={NOTE: "theirs"})
        with pytest.raises(NotLeading, match="other is"):
            await leader.confirm()
        # The other one has gone without a word, so that the next confirmation takes the lease.
        await asyncio.sleep(16)
        for _ in range(2):
            with pytest.raises(NotLeading, match="another process was the leader meanwhile"):
                await leader.confirm()
        assert api.lease is not None
        assert api.lease.holder == "one"
        assert not leader.leads
        await leader.leading()
        await leader.confirm()
        assert leader.note == "theirs"

    virtual_time.run(body())


def test_the_lease_on_an_api_server(tmp_path: Path) -> None:
    async def body() -> None:
        async with ApiServerDouble() as double:
            server = ApiServer(Access(double.kubeconfig(tmp_path)))
            client = LeaseClient(server, "external-dns", "external-dns")
            try:
                assert await client.read() is None
                made = await client.write(
                    Lease("me", "", 15, "2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:00.000000Z")
                )
                assert await client.read() == made
                assert (made.holder, made.duration_seconds, made.version != "") == ("me", 15, True)
                with pytest.raises(KubeApiError, match="409"):
                    await client.write(Lease("you", ""))
                with pytest.raises(KubeApiError, match="409"):
                    await client.write(Lease("you", "1"))
                taken = await client.write(Lease("you", made.version, 15, "r", "a", 1))
                assert (await client.read(), taken.transitions) == (taken, 1)
            finally:
                await server.close()

    virtual_time.run(body())


def test_what_a_leader_notes_is_there_for_the_next_one_and_other_words_stay(tmp_path: Path) -> None:
    async def body() -> None:
        async with ApiServerDouble() as double:
            server = ApiServer(Access(double.kubeconfig(tmp_path)))
            client = LeaseClient(server, "external-dns", "external-dns")
            clock = asyncio.get_running_loop().time
            try:
                await client.write(Lease("", "", labels={"app": "dns"}, annotations={"team": "infra"}))
                one, two = (Leader(client, name, clock=clock, wall_clock=lambda: 0.0) for name in ("one", "two"))
                await one.confirm()
                assert one.note == ""
                one.leave_note("seven")
                await one.confirm()
                one.leave_note("eight")
                await one.confirm()
                async with in_background(one.run()):
                    await asyncio.sleep(5)
                await two.confirm()
                assert two.note == "eight"
                lease = await client.read()
                assert lease is not None
                assert (lease.holder, dict(lease.labels)) == ("two", {"app": "dns"})
                assert dict(lease.annotations) == {"team": "infra", NOTE: "eight"}
            finally:
                await server.close()

    virtual_time.run(body())


def test_nothing_that_must_be_noted_is_done_before_it_is() -> None:
    async def body() -> None:
        api = LeaseInMemory()
        clock = asyncio.get_running_loop().time
        leader = Leader(api, "one", clock=clock, wall_clock=lambda: 0.0)  # type: ignore[arg-type]
        await leader.confirm()
        api.away = True
        leader.leave_note("seven")
        with pytest.raises(NotLeading, match="can't be written to the lease"):
            await leader.confirm()
        assert leader.leads
        api.away = False
        await leader.confirm()
        assert api.lease is not None
        assert api.lease.annotations == {NOTE: "seven"}
        writes = api.writes
        leader.leave_note("seven")
        await leader.confirm()
        assert api.writes == writes, "it says so already"

    virtual_time.run(body())
