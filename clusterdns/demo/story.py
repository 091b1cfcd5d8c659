"""`clusterdns demo`: what the suite does for one pod, on real packets, told step by step.

Every figure is counted: queries by the pod that sends them, what reached autopath by autopath's own metrics, what
reached the Internet by the embedded server, and where an answer came from by which of those counts moved.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from clusterdns.demo.pod import Lookup, Pod
from clusterdns.demo.suite import ZONE, Suite

EXTERNAL_NAME = "aliyun.com"
SERVICE_NAME = f"payments.{ZONE}"
TOOLBOX = "127.0.10.1"
_PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Step:
    """One look-up of the story. `reached_autopath` and `reached_internet` are queries; `source` says who answered."""

    title: str
    lookup: Lookup
    reached_autopath: int
    reached_internet: int
    source: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demo shows, for machines. Answers are addresses, or the rcode where there is none."""

    queries_without_autopath: int
    queries_with_autopath: int
    repeat_reached_upstream: int
    external_answer: str
    privatezone_answer: str
    privatezone_after_delete: str
    seconds_until_in_privatezone: float
    seconds_until_gone: float

    def as_json(self) -> dict[str, object]:
        return asdict(self)


Tell = Callable[[str], None]


async def tell_story(
    examples: Path, tell: Tell, then: Callable[[Suite], Awaitable[None]]
) -> tuple[list[Step], Outcome]:
    """Run the demo; `tell` gets each sentence as it happens, `then` is awaited before everything is stopped again."""
    with tempfile.TemporaryDirectory(prefix="clusterdns-demo-") as folder:
        suite = Suite(Path(folder), examples)
        try:
            tell("Starting privatezone-emulator, autopath, nodelocal and externaldns as processes on loopback …")
            await suite.start()
            steps, outcome = await _play(suite, examples, tell)
            await then(suite)
            return steps, outcome
        finally:
            await suite.stop()


async def _play(suite: Suite, examples: Path, tell: Tell) -> tuple[list[Step], Outcome]:
    plain = suite.pod(TOOLBOX, "kube-system", autopath=False)
    pod = suite.pod(TOOLBOX, "kube-system")
    tell(f"A pod in kube-system ({TOOLBOX}) looks up {EXTERNAL_NAME}; its resolv.conf: search {' '.join(pod.search)}")
    without = await _step(suite, "autopath off", plain, EXTERNAL_NAME)
    tell(f"  autopath off: {without.lookup.sent} queries: {', '.join(without.lookup.asked)}")
    walked = await _step(suite, "autopath on", pod, EXTERNAL_NAME)
    tell(f"  autopath on: {walked.lookup.sent} query: {', '.join(walked.lookup.asked)}")
    repeat = await _step(suite, "again", pod, EXTERNAL_NAME)
    tell(f"  again: {repeat.reached_autopath + repeat.reached_internet} queries left the node")

    manifest = examples / "payments.yaml"
    tell(f"A Service with the hostname {SERVICE_NAME} appears; externaldns writes it into PrivateZone …")
    suite.apply(manifest)
    appeared, seconds_until_in = await _wait_for(pod, lambda lookup: bool(lookup.addresses))
    tell(f"  the pod resolves it {seconds_until_in:.1f} s later: {', '.join(appeared.addresses) or appeared.rcode}")
    tell("The Service goes …")
    suite.delete(manifest)
    gone, seconds_until_gone = await _wait_for(pod, lambda lookup: not lookup.addresses)
    tell(f"  {seconds_until_gone:.1f} s later its name is gone, TTL and all: {gone.rcode}")
    outcome = Outcome(
        queries_without_autopath=without.lookup.sent,
        queries_with_autopath=walked.lookup.sent,
        repeat_reached_upstream=repeat.reached_autopath + repeat.reached_internet,
        external_answer=_answer(walked.lookup),
        privatezone_answer=_answer(appeared),
        privatezone_after_delete=_answer(gone),
        seconds_until_in_privatezone=round(seconds_until_in, 3),
        seconds_until_gone=round(seconds_until_gone, 3),
    )
    return [without, walked, repeat], outcome


async def _step(suite: Suite, title: str, pod: Pod, name: str) -> Step:
    autopath, internet, cached = await _counts(suite)
    lookup = await pod.look_up(name)
    autopath_after, internet_after, cached_after = await _counts(suite)
    if internet_after > internet:
        source = "the Internet, by way of autopath" if lookup.sent == 1 else "the Internet"
    elif autopath_after > autopath:
        source = "autopath"
    else:
        source = "nodelocal's cache" if cached_after > cached else "nobody"
    return Step(title, lookup, autopath_after - autopath, internet_after - internet, source)


async def _counts(suite: Suite) -> tuple[int, int, int]:
    return await suite.reached_autopath(), suite.internet.queries, await suite.nodelocal_cache_hits()


async def _wait_for(pod: Pod, as_wanted: Callable[[Lookup], bool]) -> tuple[Lookup, float]:
    """Ask for the Service's name until the answer is as wanted or patience ends; returns it and the seconds it took."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    while True:
        lookup = await pod.look_up(SERVICE_NAME)
        waited = loop.time() - started
        if as_wanted(lookup) or waited > _PATIENCE_SECONDS:
            return lookup, waited
        await asyncio.sleep(_POLL_SECONDS)


def _answer(lookup: Lookup) -> str:
    return lookup.addresses[0] if lookup.addresses else lookup.rcode
