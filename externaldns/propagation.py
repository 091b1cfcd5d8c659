"""The propagation check: after a write, asks the zone's DNS until it gives the new answer, and says how long that took.

The new answer to a deletion is one without what was deleted.

From the object's event to the answer: what a user of the name waits for. Only changes that an event caused are asked
for, and no more than PROPAGATION_NAMES at a time; a check changes nothing and fails nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from clusterdns.histogram import Histogram
from clusterdns.limits import PROPAGATION_NAMES, PROPAGATION_PAUSE_SECONDS, PROPAGATION_SECONDS
from externaldns.changes import ChangeResult
from externaldns.record import Endpoint, normalize_target

logger = logging.getLogger(__name__)

BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

Ask = Callable[[str, str], Awaitable[frozenset[str] | None]]
"""Returns the answer's values for (name, type), normalized; empty if it has none, None if there is no answer."""

Answered = Callable[[Endpoint, float], None]


class PropagationCheck:
    """Asks `ask` and tells `answered`. `clock` is the one that changes are timed with."""

    def __init__(self, ask: Ask, answered: Answered, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._answered = answered
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self.seconds = Histogram(BUCKETS)
        """From event to answer."""
        self.missed = 0
        """Answers that did not come in time."""

    def applied(self, results: Sequence[ChangeResult], changed_at: Mapping[str, float]) -> None:
        """Begin to ask for what was changed because of events."""
        for result in results:
            since = changed_at.get(result.change.name)
            if since is None or result.error is not None:
                continue
            stays = any(step.new for step in result.change.steps)
            for step in result.change.steps:
                record, gone = step.endpoint, step.new is None
                if record.record_type not in ("A", "AAAA", "CNAME") or "*" in record.dns_name or (gone and stays):
                    continue
                if len(self._tasks) < PROPAGATION_NAMES.default:
                    task = asyncio.create_task(self._check(record, step.others, since, gone=gone))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End the checks under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settled(self) -> None:
        """Wait until no check is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _check(self, record: Endpoint, others: Sequence[str], since: float, *, gone: bool) -> None:
        """Ask until DNS has `record`, or, `gone`, nothing of it any more."""
        targets, foreign = ({normalize_target(target) for target in some} for some in (record.targets, others))
        pause, give_up = PROPAGATION_PAUSE_SECONDS.default, self._clock() + PROPAGATION_SECONDS.default
        while True:
            found = await self._ask(record.dns_name, record.record_type)
            now = self._clock()
            # Of several CNAMEs, and of a weighed set, an answer has only some. Others may share the name.
            if found is not None and (
                found.isdisjoint(targets) if gone else found & targets and found <= targets | foreign
            ):
                self.seconds.add(now - since)
                if not gone:
                    self._answered(record, now - since)
                return
            if now >= give_up:
                self.missed += 1
                shown = ", ".join(sorted(found or ())) or "nothing"
                logger.warning(
                    "%s %s: DNS still answers %s after %.0f s", record.dns_name, record.record_type, shown, now - since
                )
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, PROPAGATION_PAUSE_SECONDS.maximum)


class DnsAsker:
    """Asks one DNS server, or the machine's own (`server` "")."""

    def __init__(self, server: str = "", port: int = 53) -> None:
        import aiodns

        self._errors = aiodns.error.DNSError
        self._denials = (aiodns.error.ARES_ENODATA, aiodns.error.ARES_ENOTFOUND)
        self._resolver = aiodns.DNSResolver(timeout=2.0, tries=1)
        if server:
            self._resolver.nameservers = [f"[{server}]:{port}" if ":" in server else f"{server}:{port}"]

    async def __call__(self, name: str, record_type: str) -> frozenset[str] | None:
        # With a dot at its end no search list is walked.
        try:
            result = await self._resolver.query_dns(f"{name}.", record_type)
        except self._errors as error:
            return frozenset() if error.args[0] in self._denials else None
        return frozenset(_value(record.data) for record in result.answer if _is_type(record, record_type))

    async def close(self) -> None:
        """Close the sockets."""
        await self._resolver.close()


def _value(data: object) -> str:
    text = getattr(data, "addr", None) or getattr(data, "cname", None) or ""
    text = text.decode() if isinstance(text, bytes) else str(text)
    return normalize_target(text)


def _is_type(record: object, record_type: str) -> bool:
    """Tell whether a record of the answer is of the type asked for: CNAMEs may stand before addresses."""
    value = _value(getattr(record, "data", None))
    try:
        version = ipaddress.ip_address(value).version
    except ValueError:
        return record_type == "CNAME" and bool(value)
    return record_type == ("A" if version == 4 else "AAAA")
