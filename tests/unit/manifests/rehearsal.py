"""A program run as its container would run it, up to the system calls: no socket, no API server, no signal.

The program's own `main` reads the arguments, the environment and the files of the container, puts its servers together
and opens its listeners; instead of sockets there is a note of what it asked for. Every refusal is the program's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import mock

import autopath.service
import externaldns.service
import nodelocal.service
from clusterdns.corefile import lexer
from clusterdns.errors import ConfigError
from clusterdns.kube.kinds import KINDS
from clusterdns.kube.store import Cluster
from nodelocal.flags import Options

MAINS: Mapping[str, Callable[[Sequence[str]], int]] = MappingProxyType(
    {"autopath": autopath.service.main, "externaldns": externaldns.service.main, "nodelocal": nodelocal.service.main}
)
"""The programs by the name of their console script."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening socket. `host` is an address or a name, "" for all addresses; `path` is that of an HTTP page."""

    host: str
    port: int
    protocol: str
    path: str = ""


@dataclass(slots=True)
class Rehearsal:
    """What a program did. `paths` are the files that it was told of, `unset` the variables that it missed."""

    refusal: str = ""
    listeners: set[Listener] = field(default_factory=set)
    rights: set[tuple[str, str, str]] = field(default_factory=set)
    """(API group, plural, verb) of everything that it asks of the API server."""
    changes_the_node: bool = False
    """It would make an interface, or rules for packets."""
    paths: set[str] = field(default_factory=set)
    unset: set[str] = field(default_factory=set)


def rehearse(
    program: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    files: Mapping[str, str],
    folders: Sequence[str] = (),
) -> Rehearsal:
    """Run `program` with the container's `files` (text by absolute path) and `folders` to write to.

    Never raises for what the program refuses.
    """
    done = Rehearsal()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        root = Path(folder)
        done.paths |= {path for argument in arguments if (path := argument[argument.find("=") + 1 :]).startswith("/")}
        arguments = [re.sub(r"^((?:-[^=]*=)?)/", rf"\1{root}/", argument) for argument in arguments]
        for name in folders:
            (root / name.removeprefix("/")).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            place = root / name.removeprefix("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith("Corefile"):
                _note_words(text, environment, done)
                text = re.sub(r"(?<=\s)/", f"{root}/", text)
            place.write_text(text)
        for replacement in _replacements(program, done):
            stack.enter_context(replacement)
        stack.enter_context(_quiet_root_logger())
        stack.enter_context(mock.patch.dict(os.environ, environment, clear=True))
        errors = stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        if MAINS[program](arguments) != 0:
            done.refusal = errors.getvalue().strip().replace(folder, "")
    return done


def _note_words(corefile: str, environment: Mapping[str, str], done: Rehearsal) -> None:
    """Note the paths of a Corefile, and its variables without a value: the lexer takes them for empty, as CoreDNS."""

    class Asked(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            done.unset.update({name} - self.keys())
            return super().get(name, default)

    with contextlib.suppress(ConfigError):  # the program itself will refuse it
        words = lexer.tokens(corefile, "Corefile", Asked(environment))
        done.paths |= {word.text for word in words if word.text.startswith("/")}


def _replacements(program: str, done: Rehearsal) -> Iterator[contextlib.AbstractContextManager[Any]]:
    """What stands between the program and the system. A name that is gone fails here, so that nothing gets through."""
    # Where nothing else ends the program: its first look at whether it should stop.
    yield mock.patch("clusterdns.daemon.lifecycle.run", partial(_run, stopped=program == "externaldns"))
    if program == "externaldns":
        yield mock.patch("externaldns.service.ClusterWatch", partial(_Watch, done, synced=False))
        yield mock.patch("externaldns.service.HttpServer", partial(_Http, done))
        yield mock.patch("externaldns.service.EventRecorder", partial(_note_events, done))
        yield mock.patch("externaldns.assembly.LeaseClient", partial(_note_lease, done))
        yield mock.patch("externaldns.assembly.StatusWriter", partial(_note_status, done))
        return
    daemon = "clusterdns.daemon.dns_server"
    # The kubelet mounts the account's token.
    yield mock.patch("autopath.clusters.check_access", mock.AsyncMock())
    yield mock.patch("autopath.clusters.ClusterWatch", partial(_Watch, done, synced=True))
    yield mock.patch("nodelocal.node_pods.ClusterWatch", partial(_Watch, done, synced=True))
    yield mock.patch("nodelocal.service.Interception", partial(_Interception, done))
    yield mock.patch("clusterdns.daemon.endpoints.HttpServer", partial(_Http, done))
    yield mock.patch(f"{daemon}.open_udp", partial(_note_listener, done, "UDP"))
    yield mock.patch(f"{daemon}.open_tcp", partial(_note_listener, done, "TCP"))
    yield mock.patch(f"{daemon}.UdpListener", return_value=mock.Mock(address=("", 0)))
    yield mock.patch(f"{daemon}.TcpListener", return_value=mock.AsyncMock(address=("", 0)))
    yield mock.patch(f"{daemon}.DnsServer.serve_until", mock.AsyncMock())


def _note_events(done: Rehearsal, *_: object) -> mock.MagicMock:
    done.rights.add(("", "events", "create"))
    return mock.MagicMock(run=mock.AsyncMock(side_effect=asyncio.Event().wait), lost=0)


def _note_status(done: Rehearsal, *_: object) -> mock.MagicMock:
    done.rights.add(("externaldns.k8s.io", "dnsendpoints/status", "patch"))
    return mock.MagicMock(run=mock.AsyncMock(side_effect=asyncio.Event().wait))


def _note_lease(done: Rehearsal, *_: object) -> mock.MagicMock:
    done.rights |= {("coordination.k8s.io", "leases", verb) for verb in ("create", "get", "update")}
    return mock.MagicMock(read=mock.AsyncMock(return_value=None), write=mock.AsyncMock(side_effect=lambda lease: lease))


def _note_listener(done: Rehearsal, protocol: str, host: str, port: int, **_: object) -> mock.MagicMock:
    done.listeners.add(Listener(host, port, protocol))
    return mock.MagicMock()


def _run(main: Callable[[asyncio.Event], Awaitable[int]], *, stopped: bool) -> int:
    """`lifecycle.run` for a program that ends as soon as it has started."""

    async def go() -> int:
        stop = asyncio.Event()
        if stopped:
            stop.set()
        return await main(stop)

    try:
        return asyncio.run(go())
    except ConfigError as error:
        sys.stderr.write(str(error))
        return 1


class _Watch:
    """A ClusterWatch that notes the kinds, and finds an empty cluster or, not `synced`, none at all."""

    def __init__(self, done: Rehearsal, cluster: Cluster, *arguments: Any, synced: bool, **options: Any) -> None:
        kinds = options.get("kinds", arguments[1])
        done.rights |= {(KINDS[kind].group, KINDS[kind].plural, verb) for kind in kinds for verb in ("list", "watch")}
        for kind in kinds if synced else ():
            cluster.store(kind).replace([])

    async def run(self) -> None:
        await asyncio.Event().wait()


class _Interception(mock.AsyncMock):
    """An Interception that notes what it is asked for, and leaves the machine alone."""

    def __init__(self, done: Rehearsal, options: Options, errors: object) -> None:
        super().__init__()
        self.set_endpoints, self.set_servers = mock.Mock(), mock.Mock()
        done.changes_the_node = options.setup_interface or options.setup_iptables


class _Http:
    """An HttpServer that notes its pages."""

    def __init__(self, done: Rehearsal) -> None:
        self._done = done
        self._paths: list[str] = []

    def add(self, path: str, handler: object) -> None:
        self._paths.append(path)

    def replace(self, pages: Mapping[str, object]) -> None:
        self._paths = list(pages)

    async def start(self, host: str, port: int) -> None:
        self._done.listeners |= {Listener(host, port, "TCP", path) for path in self._paths}

    async def close(self) -> None:
        pass


@contextlib.contextmanager
def _quiet_root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, raising = list(root.handlers), root.level, logging.raiseExceptions
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.raiseExceptions = raising
