"""DNS packets of the node's pods come to nodelocal, for as long as it answers.

    start ──► link, addresses, rules       keep ──► both looked at whenever netlink tells of a change, and every
                                                    -syncinterval
    serve ──► questions to ourselves; once all are answered, sockets and rules are taken over from the process before
    withdraw ──► clients go to cluster DNS at once       stop ──► rules and link removed, within a deadline

The table says whose it is. A process that is asked to end, and whose table has been taken over, leaves all as it is.

What the kernel or our privileges do not allow is said once, counted, and done without: nodelocal serves on, by whatever
way packets find it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal, TypeVar

from clusterdns.directives.parts import WILDCARDS
from clusterdns.errors import ClusterDNSError, ConfigError, KernelUnsupported
from clusterdns.forward.upstreams import Upstream
from clusterdns.limits import (
    INTERCEPTION_RETRY_SECONDS,
    INTERCEPTION_SETTLE_SECONDS,
    INTERCEPTION_STEP_SECONDS,
)
from nodelocal import nft
from nodelocal.flags import Options
from nodelocal.heartbeat import Heartbeat
from nodelocal.nftables import TABLE, Elsewhere, Rules, owner_in, revision_in
from nodelocal.setup_errors import SetupErrors

if TYPE_CHECKING:
    from nodelocal.interface import Interface

_log = logging.getLogger(__name__)

T = TypeVar("T")
_WORDS = {"link": "link", "rules": "rules", "others": "other rules"}
Part = Literal["link", "rules", "others"]


class StillAtIt(ClusterDNSError):
    """The kernel has not ended what it was asked to do before."""

    retryable = True


class Untracked(ClusterDNSError):
    """Rules of others are in the way of ours."""

    retryable = True


class Interception:
    """See the module. One for the life of the process; `start` before everything else, and before the sockets."""

    def __init__(self, options: Options, errors: SetupErrors) -> None:
        self._options = options
        self._errors = errors
        self._rules = Rules(options.local_addresses, options.dns_port, options.health_port, secrets.token_hex(4))
        self._heartbeat = Heartbeat(options.local_addresses, options.dns_port)
        self._interface: Interface | None = None
        self._elsewhere = Elsewhere()
        self._listed: tuple[str, ...] | None = None
        """Our tables as nft showed them after our last change; None: not ours, or not known."""
        self._in_place = Elsewhere()
        """Where they send clients."""
        self._withdrawn = False
        self._changing = asyncio.Lock()
        self._at_netlink = threading.Lock()
        self._wake = asyncio.Event()
        self._failed: dict[Part, ClusterDNSError] = {}
        self._ours = False
        """Whether the tables are ours; if not, they may be another's, who still serves or does already."""
        self._proven = False
        self._started = False

    async def start(self) -> None:
        """Make link, addresses and rules. Raises ConfigError if the link's name is taken by a foreign one."""
        self._wake.clear()  # for what was set before
        if self._options.setup_interface:
            # Its netlink library takes 0.2 s to load.
            from nodelocal.interface import Interface

            self._interface = Interface(self._options.interface_name, self._options.local_addresses)
            await self._ensure_interface()
        await self._ensure_rules()
        self._started = True

    async def keep(self) -> None:
        """Keep link and rules, until cancelled."""
        await self._look_after()

    async def serve(
        self, places: Collection[tuple[str, int]], take_over: Callable[[], None], taken: Callable[[], None]
    ) -> None:
        """Ask ourselves, until cancelled, at `places`, where sockets are open.

        Once all of them that are ours have answered, calls `take_over` for the sockets, makes the rules ours, and calls
        `taken`: from then on another process that listens there may end.
        """
        wildcards = {address for address, _ in places} & set(WILDCARDS)
        asked = [
            each for each in self._options.local_addresses if wildcards or (each, self._options.dns_port) in places
        ]
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(self._heartbeat.run())
            await self._heartbeat.answered(asked)
            self._proven = True
            take_over()
            await self._ensure_rules()
            taken()
            if not self._options.setup_iptables:
                asking.cancel()  # there is nothing to keep alive
            await asyncio.Event().wait()

    def set_endpoints(self, endpoints: Iterable[Upstream]) -> None:
        """Where clients are sent while nodelocal does not answer: cluster DNS servers themselves, no Service."""
        self._change(replace(self._elsewhere, endpoints=self._usable(endpoints)))

    def set_servers(self, servers: Iterable[Upstream]) -> None:
        """Where they are sent while no endpoint is known: cluster DNS by any address, of a Service, too."""
        self._change(replace(self._elsewhere, servers=self._usable(servers)))

    async def withdraw(self) -> None:
        """Send clients to cluster DNS from now on. Go on answering for a moment: some questions are here already.

        Nothing happens where no other place is known: then whoever still answers is the best there is. Ends within
        INTERCEPTION_STEP_SECONDS, as a pod's time to end is not for waiting: without us clients get there as well.
        """
        try:
            async with asyncio.timeout(INTERCEPTION_STEP_SECONDS.default), self._changing:
                if self._withdrawn or not self._ours or not self._elsewhere:
                    return
                self._withdrawn = True
                if await self._try("rules", lambda: self._apply_to_ours(self._rules.withdraw())) and self._ours:
                    _log.info("clients are sent to cluster DNS")
        except TimeoutError:
            _log.error("clients could not be sent to cluster DNS in time: they get there when nobody answers here")

    async def stop(self, deadline_seconds: float) -> None:
        """Take away rules and link, unless -skipteardown says no or they are another nodelocal's.

        Ends within `deadline_seconds`, whatever netlink or nft do; cancel `keep` and `serve` before.
        """
        if self._options.skip_teardown:
            return
        try:
            async with asyncio.timeout(deadline_seconds):
                await self._tear_down()
        except TimeoutError:
            _log.error("link and rules could not be removed within %g s: they stay", deadline_seconds)

    async def _tear_down(self) -> None:
        async with self._changing:
            self._withdrawn = True
            if self._ours:
                script = self._rules.leave(self._elsewhere) if self._elsewhere else self._rules.remove()
                await self._try("rules", lambda: self._apply_to_ours(script))
            if self._listed is not None and not self._ours:
                _log.info("another nodelocal is here: link and rules are its")
                return
        if self._interface is not None:
            interface = self._interface
            await self._try("link", lambda: self._beside_the_loop(interface.remove))

    async def _look_after(self) -> None:
        loop = asyncio.get_running_loop()
        with ExitStack() as stack:
            follow = self._follow_changes(loop, stack)
            await self._keep_interface(follow)  # it may have changed before netlink told us
            while True:
                pause = self._options.sync_seconds
                if any(error.retryable for error in self._failed.values()):
                    pause = min(pause, INTERCEPTION_RETRY_SECONDS.default)
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                        # Whoever changes something seldom changes one thing.
                        await asyncio.sleep(INTERCEPTION_SETTLE_SECONDS.default)
                self._wake.clear()
                await self._keep_interface(follow)
                await self._ensure_rules()

    async def _keep_interface(self, follow: Callable[[], None]) -> None:
        with suppress(ConfigError):  # said, and counted
            await self._ensure_interface()
        follow()

    def _follow_changes(self, loop: asyncio.AbstractEventLoop, stack: ExitStack) -> Callable[[], None]:
        """Wake when netlink tells of our link; returns what is to be called when the link may be another one."""
        if self._interface is None:
            return lambda: None
        from nodelocal.interface import Changes

        try:
            changes = stack.enter_context(Changes(self._interface.name))
        except OSError as error:
            _log.warning("netlink tells of no changes (%s): they are looked for from time to time", error.strerror)
            return lambda: None

        def read() -> None:
            if changes.read():
                self._wake.set()

        loop.add_reader(changes.fileno(), read)
        stack.callback(loop.remove_reader, changes.fileno())
        return changes.follow

    async def _ensure_interface(self) -> None:
        interface = self._interface
        if interface is None:
            return
        done: tuple[str, ...] = ()

        async def ensure() -> None:
            nonlocal done
            done = await self._beside_the_loop(interface.ensure)

        await self._try("link", ensure)
        if done:
            _log.info("%s", ", ".join(done))

    async def _ensure_rules(self) -> None:
        if not self._options.setup_iptables:
            return
        async with self._changing:
            if self._withdrawn:
                return
            if await self._try("rules", self._replace_what_differs) and self._ours and self._proven:
                await self._try("others", self._look_for_others)

    async def _replace_what_differs(self) -> None:
        listed = await self._list()
        elsewhere = self._elsewhere
        if any(revision_in(text) != self._rules.revision for text in listed):
            if self._ours and self._is_anothers(listed):
                return
            await self._install(elsewhere, listed)
        elif not self._ours:
            # Of another process, which still serves or was killed. They stay as they are, with who is alive in them.
            if self._proven:
                way = self._rules.change(elsewhere) if elsewhere else ""
                await nft.apply(self._rules.take_over(listed) + way)
                _log.info("the rules of the nodelocal before are ours now")
                self._ours = True
        elif self._is_anothers(listed):
            return
        elif listed != self._listed:
            await self._install(elsewhere, listed)
        elif elsewhere != self._in_place:
            await nft.apply(self._rules.change(elsewhere))
        else:
            return
        self._in_place = elsewhere
        self._listed = await self._list()

    async def _install(self, elsewhere: Elsewhere, listed: Sequence[str]) -> None:
        try:
            await nft.apply(self._rules.install(elsewhere, listed))
        except KernelUnsupported:
            # Somebody has taken parts of them away.
            await nft.apply(self._rules.install(elsewhere))
        self._ours = True
        _log.info("rules are in place (nft list table %s %s)", self._rules.families[0], TABLE)

    def _is_anothers(self, listed: Sequence[str]) -> bool:
        """Whether tables that were ours are no longer: then all is another's, who came later."""
        if not {owner_in(text) for text in listed} - {"", self._rules.owner}:
            return False
        _log.info("another nodelocal has taken over")
        self._ours = False
        return True

    async def _apply_to_ours(self, script: str) -> None:
        """Apply what fails where the tables are not ours."""
        try:
            await nft.apply(script)
        except ClusterDNSError:
            if not self._is_anothers(await self._list()):
                raise

    async def _look_for_others(self) -> None:
        """Raises Untracked if the rules of others would keep a dead nodelocal's clients from getting past it."""
        found = [each for family in self._rules.families for each in await nft.elements(family, TABLE, "untracked")]
        if found:
            raise Untracked(
                f"rules of another program keep packets to {', '.join(found)} out of connection tracking: NodeLocal "
                "DNSCache's, if it ended without removing them. While they are there, clients of a dead nodelocal are "
                "without DNS. See `iptables-save -t raw` and `nft list ruleset`, and remove them"
            )

    async def _list(self) -> tuple[str, ...]:
        return tuple([await nft.listing(family, TABLE) for family in self._rules.families])

    async def _try(self, part: Part, attempt: Callable[[], Awaitable[object]]) -> bool:
        """Attempt something; a failure is counted, and said unless it was before. Raises nothing but ConfigError."""
        try:
            await attempt()
        except ClusterDNSError as error:
            if part != "link":
                self._errors.iptables += 1
            elif self._started:
                self._errors.interface_check += 1
            else:
                self._errors.interface_add += 1
            before, self._failed[part] = self._failed.get(part), error
            if str(error) != str(before):
                _log.error("the node's %s: %s", _WORDS[part], error)
            if isinstance(error, ConfigError):
                raise
            return False
        if self._failed.pop(part, None) and not self._withdrawn:
            _log.info("the node's %s: in order again", _WORDS[part])
        return True

    async def _beside_the_loop(self, work: Callable[[], T]) -> T:
        """Do something that may block, in a thread that nobody waits for longer than INTERCEPTION_STEP_SECONDS."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def deliver(result: T | None, error: BaseException | None) -> None:
            if done.cancelled():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)  # type: ignore[arg-type]

        def run() -> None:
            result, failure = None, None
            try:
                result = work()
            except BaseException as error:
                failure = error
            finally:
                self._at_netlink.release()
            with suppress(RuntimeError):  # the loop has ended before us
                loop.call_soon_threadsafe(deliver, result, failure)

        if not self._at_netlink.acquire(blocking=False):
            raise StillAtIt("the kernel is still at the last change of the link")
        threading.Thread(target=run, name="netlink", daemon=True).start()
        try:
            async with asyncio.timeout(INTERCEPTION_STEP_SECONDS.default):
                return await done
        except TimeoutError:
            raise StillAtIt(f"the kernel needs more than {INTERCEPTION_STEP_SECONDS.default:g} s for it") from None

    def _change(self, elsewhere: Elsewhere) -> None:
        self._elsewhere = elsewhere
        self._wake.set()

    def _usable(self, servers: Iterable[Upstream]) -> tuple[Upstream, ...]:
        """Each once, and only those whose packets leave the node, or may."""
        return tuple(
            dict.fromkeys(
                server
                for server in servers
                if "%" not in server.address
                and not ip_address(server.address).is_loopback
                and server.address not in self._options.local_addresses
            )
        )
