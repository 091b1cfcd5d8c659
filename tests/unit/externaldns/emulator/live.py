"""A running emulator for tests: in a thread of its own, or as a process that can be killed."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dns.message
import dns.query
from alibabacloud_pvtz20180101 import models as m
from alibabacloud_pvtz20180101.client import Client
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.core import DaraCore

from externaldns.providers.privatezone.emulator.flags import parse_flags
from externaldns.providers.privatezone.emulator.service import Listening, open_store, running

KEY = ("key-id", "key-secret")
FLAGS = ("--access-key-id", KEY[0], "--access-key-secret", KEY[1])
Address = tuple[str, int]
WAIT_SECONDS = 60
"""How long an emulator may take to start or to end; a test that waits longer fails instead of hanging."""


@contextmanager
def emulator(database: str, *flags: str) -> Iterator[Listening]:
    """Run the emulator in a thread; yields where it listens."""
    given = parse_flags(["--database", database, *FLAGS, *flags])
    started: list[Listening] = []
    loop = asyncio.new_event_loop()
    stop, ready = asyncio.Event(), threading.Event()

    async def serve() -> None:
        try:
            with open_store(given) as store:
                async with running(given, store) as listening:
                    started.append(listening)
                    ready.set()
                    await stop.wait()
        finally:
            ready.set()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    try:
        assert ready.wait(timeout=WAIT_SECONDS)
        yield started[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=WAIT_SECONDS)
        close_sessions()
        assert not thread.is_alive(), "the emulator does not end"
        loop.close()


class Process:
    """The emulator as its users start it."""

    def __init__(self, *flags: str) -> None:
        command = [sys.executable, "-m", "externaldns.providers.privatezone.emulator.service", *FLAGS, *flags]
        self.popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.popen.stdout is not None
        self.ready = self.popen.stdout.readline()
        words = dict(word.partition("=")[::2] for word in self.ready.split()[1:])
        self.api, self.dns = (parse_address(words[name]) for name in ("api", "dns"))

    def end(self, number: int) -> tuple[int, str, str]:
        """Send a signal; return the exit status and what else came on stdout and stderr."""
        self.popen.send_signal(number)
        try:
            out, err = self.popen.communicate(timeout=WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            raise
        close_sessions()
        return self.popen.returncode, out, err


def parse_address(text: str) -> Address:
    """Read `127.0.0.1:53` or `[::1]:53`."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def client(api: Address, key: tuple[str, str] = KEY, **config: Any) -> Client:
    """Return the unmodified SDK's client. It ignores NO_PROXY, so the environment must name no proxy."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        os.environ.pop(name, None)
    settings: dict[str, Any] = {"endpoint": f"{api[0]}:{api[1]}", "protocol": "http"} | config
    return Client(Config(access_key_id=key[0], access_key_secret=key[1], **settings))


def only_zone(sdk: Client) -> str:
    """The id of the one zone that there is."""
    [zone] = sdk.describe_zones(m.DescribeZonesRequest()).body.zones.zone
    return str(zone.zone_id)


def close_sessions() -> None:
    """Close the connections that the SDK keeps for ever in a class attribute."""
    for session in DaraCore._sessions.values():
        session.close()
    DaraCore._sessions.clear()


def ask(server: Address, name: str, qtype: str = "A", *, tcp: bool = False, **query: Any) -> dns.message.Message:
    """Ask the emulator's DNS."""
    message = dns.message.make_query(name, qtype, **query)
    send = dns.query.tcp if tcp else dns.query.udp
    return send(message, server[0], port=server[1], timeout=5)


def exchange_udp(server: Address, wire: bytes) -> bytes:
    """Send raw bytes and return the answer's."""
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.settimeout(5)
        sender.connect(server)
        sender.send(wire)
        return sender.recv(65535)
