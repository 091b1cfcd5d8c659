"""Carries out what `election` decides: takes the Lease, keeps it, and says when it is lost.

A standby looks at the Lease every LEASE_RETRY_SECONDS and waits in `leading`; whoever acts asks `require` before each
act (no I/O) and `confirm` before each batch of them (the server's word, unless it is fresh). Told to end, it keeps the
Lease until the last act that has begun is over, and gives it back then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from msgspec.structs import replace

from clusterdns.errors import ClusterDNSError, KubeApiError
from clusterdns.kube.election import Election
from clusterdns.kube.lease import LeaseClient
from clusterdns.limits import LEASE_RETRY_SECONDS

logger = logging.getLogger(__name__)

NOTE = "clusterdns.io/note"
"""Annotation of the Lease: what a leader wants the next one to know."""


class NotLeading(ClusterDNSError):
    """We are not the leader (any more): what was to be done is another process's to do."""

    retryable = True


class Leadership(Protocol):
    """Whether we may act."""

    @property
    def leads(self) -> bool:
        """True while we surely lead."""

    @property
    def note(self) -> str | None:
        """What the last leader has left for us to know; None if nobody keeps notes."""

    def leave_note(self, text: str) -> None:
        """Let the next leader know `text`: the next `confirm` returns when it is noted."""

    async def leading(self) -> None:
        """Return as soon as we lead."""

    async def confirm(self) -> None:
        """Raise NotLeading unless the API server, asked now or a moment ago, says that we lead."""

    def require(self) -> None:
        """Raise NotLeading unless we surely lead at this moment. No I/O."""


class Alone:
    """Without election: we always lead."""

    leads = True
    note = None

    def leave_note(self, text: str) -> None:
        return

    async def leading(self) -> None:
        return

    async def confirm(self) -> None:
        return

    def require(self) -> None:
        return


async def _nothing_to_finish() -> bool:
    return True


class Leader:
    """One candidate for the Lease of `client`."""

    def __init__(
        self,
        client: LeaseClient,
        identity: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._election = Election(identity)
        self._clock = clock
        self._wall_clock = wall_clock
        self._news = asyncio.Event()
        self._lock = asyncio.Lock()
        self._led = False
        self._held = False
        """Whether the Lease was ours when it was last read or written."""
        self._lost = False
        """It was somebody else's since `leading` last returned: what was begun before is not to be gone on with."""
        self._note: str | None = None
        """What is to be noted, and is not yet."""
        self._trouble = ""
        """Why the last try failed; empty if it did not."""

    @property
    def holder(self) -> str:
        """Who leads as far as we know; "" for nobody."""
        return self._election.holder

    @property
    def note(self) -> str:
        return self._election.seen.annotations.get(NOTE, "") if self._election.seen else ""

    def leave_note(self, text: str) -> None:
        self._note = text if text != self.note else None

    @property
    def leads(self) -> bool:
        return not self._lost and self._election.leads(self._clock())

    async def run(self, finish: Callable[[], Awaitable[bool]] = _nothing_to_finish) -> None:
        """Take and keep the Lease until cancelled; then give it back, as soon as `finish` has returned.

        `finish` waits for what was begun under the Lease, and returns False if it can't tell that this has ended: then
        the Lease is left to run out.
        """
        try:
            while True:
                await self._try()
                await asyncio.sleep(LEASE_RETRY_SECONDS.default)
        finally:
            if await self._keep_until(finish):
                await self._give_back()

    async def _keep_until(self, finish: Callable[[], Awaitable[bool]]) -> bool:
        finishing = asyncio.ensure_future(finish())
        while not (await asyncio.wait({finishing}, timeout=LEASE_RETRY_SECONDS.default))[0]:
            if self._election.leads(self._clock()):
                await self._try()
        return finishing.result()

    async def leading(self) -> None:
        while not self._election.leads(self._clock()):
            await self._news.wait()
            self._news.clear()
        self._lost = False

    async def confirm(self) -> None:
        if self._note is not None or self._election.seconds_since_renewal(self._clock()) > LEASE_RETRY_SECONDS.default:
            await self._try()
        self.require()
        if self._note is not None:
            raise NotLeading("what the next leader must know can't be written to the lease")

    def require(self) -> None:
        if not self.leads:
            if self._election.leads(self._clock()):
                raise NotLeading("another process was the leader meanwhile: what is to be done must be found out anew")
            raise NotLeading(f"not the leader; {self.holder or 'nobody'} is")

    async def _try(self) -> None:
        """Look at the Lease, and take or renew it if that is ours to do. Failures are for the next try."""
        async with self._lock:
            try:
                self._election.look(await self._client.read(), self._clock())
                if self._held and self.holder != self._election.identity:
                    # Our last note is older than what the new holder may have written there.
                    self._held, self._lost, self._note = False, True, None
                wanted = self._election.step(self._clock(), self._wall_clock())
                if wanted is not None:
                    note = self._note
                    if note is not None:
                        wanted = replace(wanted, annotations={**wanted.annotations, NOTE: note})
                    self._election.won(await self._client.write(wanted), self._clock())
                    self._held = True
                    # Another one may have come while this one was on its way.
                    self._note = None if self._note == note else self._note
            except KubeApiError as error:
                # 409: another candidate was faster. Anything else is said once, not every two seconds.
                if error.status != 409 and str(error) != self._trouble:
                    logger.warning("can't take or renew the lease: %s", error)
                    self._trouble = str(error)
            else:
                self._trouble = ""
        if self.leads != self._led:
            self._led = self.leads
            logger.info("leading" if self._led else f"not leading any more; {self.holder or 'nobody'} is")
        if self._election.leads(self._clock()):
            self._news.set()

    async def _give_back(self) -> None:
        released = self._election.release(self._wall_clock())
        if released is not None:
            with suppress(KubeApiError):
                await self._client.write(released)
