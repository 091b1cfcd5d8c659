"""Tells the servers that have copies of our zones when those change: carries out `clusterdns.forward.notice`.

    directives that have zones ──► serials ──► here, once a second ──► NOTIFY over UDP to each address of `transfer`

One task, and one socket for each of those addresses and zones; of several processes one does it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Container, Sequence

from clusterdns.directives.transfer import Transfer
from clusterdns.errors import UpstreamFailure
from clusterdns.forward.counters import UpstreamCounters
from clusterdns.forward.notice import STEP_SECONDS, Notice, Step
from clusterdns.forward.random_ids import RandomIds
from clusterdns.forward.udp import UdpSocket, UdpSockets
from clusterdns.forward.upstreams import Upstream
from clusterdns.wire import numbers
from clusterdns.wire.names import name_to_text

_log = logging.getLogger(__name__)

Results = Counter[tuple[str, str]]
"""Zone, and `acknowledged`, `refused` or `unanswered`: how often."""


class Notifier:
    """Follows the zones of `transfers`: those of the configuration that runs."""

    def __init__(self, transfers: Callable[[], Sequence[Transfer]]) -> None:
        self.results: Results = Counter()
        self._transfers = transfers
        self._random_id = RandomIds()
        self._secondaries: dict[tuple[bytes, Upstream], _Secondary] = {}

    async def run(self) -> None:
        """Tell until cancelled."""
        try:
            while True:
                self._step(asyncio.get_running_loop().time())
                await asyncio.sleep(STEP_SECONDS)
        finally:
            self._keep_only(())

    def _step(self, now: float) -> None:
        wanted = {
            (zone, upstream): source
            for transfer in self._transfers()
            for zone, source in transfer.zones.items()
            for upstream in transfer.secondaries(zone)
        }
        self._keep_only(wanted)
        for (zone, upstream), source in wanted.items():
            if source.synced:
                secondary = self._secondaries.get((zone, upstream))
                if secondary is None:
                    secondary = _Secondary(zone, upstream, self._random_id, self.results)
                    self._secondaries[zone, upstream] = secondary
                secondary.step(source.serial(zone), now)

    def _keep_only(self, wanted: Container[tuple[bytes, Upstream]]) -> None:
        for key in [key for key in self._secondaries if key not in wanted]:
            self._secondaries.pop(key).close()


class _Secondary:
    """One zone and one server: a `clusterdns.forward.waiter.Waiter`."""

    message_id: int
    reused: bool

    def __init__(self, zone: bytes, upstream: Upstream, random_id: Callable[[], int], results: Results) -> None:
        self._zone = name_to_text(zone)
        self._upstream = upstream
        self._notice = Notice(zone)
        self._results = results
        self._sockets = UdpSockets(upstream, UpstreamCounters(), random_id, count=1)
        self._carrier: UdpSocket | None = None
        self._in_trouble = False

    def step(self, serial: int, now: float) -> None:
        match self._notice.step(serial, now):
            case Step.SEND:
                self._abandon()
                try:
                    self._carrier = self._sockets.send(self, self._notice.body, now)
                except UpstreamFailure as error:
                    _log.debug("NOTIFY of %s not sent: %s", self._zone, error)
            case Step.GIVE_UP:
                self._abandon()
                self._end("unanswered", "does not answer")

    def answered(self, message: bytes, now: float) -> bool:
        rcode = self._notice.answered(message)
        if rcode is None:
            return False
        self._carrier = None
        if rcode == numbers.NOERROR:
            self._end("acknowledged")
        else:
            self._end("refused", f"answers {numbers.rcode_name(rcode)}")
        return True

    def lost(self, reason: str) -> None:
        """It is sent again all the same: whoever is not there may come."""
        self._carrier = None

    def close(self) -> None:
        """Tell nothing any more."""
        self._abandon()
        self._sockets.drop("")

    def _end(self, result: str, trouble: str = "") -> None:
        self._results[self._zone, result] += 1
        if trouble and not self._in_trouble:
            _log.warning("%s %s to NOTIFY of %s, and sees changes later", self._upstream, trouble, self._zone)
        self._in_trouble = bool(trouble)

    def _abandon(self) -> None:
        carrier, self._carrier = self._carrier, None
        if carrier is not None:
            carrier.abandon(self)
