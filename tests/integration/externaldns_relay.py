"""A relay between externaldns and the emulator that sees and can hold back every call.

It passes bytes on untouched, so that the SDK's signatures hold; it counts the calls by their action and can stop after
the n-th write, its answer swallowed: the moment to kill a process whose write was done and which does not know it.
"""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress

_ACTION = re.compile(rb"x-acs-action: (\w+)", re.IGNORECASE)
_WRITES = ("Add", "Update", "Delete", "Set", "Bind")


class Relay:
    """Passes connections on to `target`; `actions` are the calls seen so far."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listening]
        self._threads: list[threading.Thread] = []
        self._last_write = 0
        self._counting = threading.Condition()
        self.actions: list[str] = []
        self.swallowed = threading.Event()
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._start(self._accept)

    @property
    def writes(self) -> list[str]:
        return [action for action in self.actions if action.startswith(_WRITES)]

    def wait_for_calls(self, number: int) -> None:
        """Wait until that many more calls have been made than now."""
        with self._counting:
            wanted = len(self.actions) + number
            assert self._counting.wait_for(lambda: len(self.actions) >= wanted, 50)

    def stop_after(self, write: int) -> None:
        """Pass `write` more writes on, then no request and no answer any more."""
        self.swallowed.clear()
        self._last_write = len(self.writes) + write

    def let_through(self) -> None:
        self._last_write = 0

    def cut(self) -> None:
        """Cut all connections that are open: who waits for an answer sees that none will come."""
        for each in self._open[1:]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._target)
                self._open += [client, server]
                self._start(self._pass_requests, client, server)
                self._start(self._pass_answers, server, client)

    def _pass_requests(self, client: socket.socket, server: socket.socket) -> None:
        # A request of the SDK is one small segment: parameters in the URL, no body.
        with suppress(OSError):
            while data := client.recv(65536):
                with self._counting:
                    if self._stopped():
                        continue
                    self.actions += [action.decode() for action in _ACTION.findall(data)]
                    self._counting.notify_all()
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _pass_answers(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if self._stopped():
                    self.swallowed.set()
                    continue
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)

    def _stopped(self) -> bool:
        return 0 < self._last_write <= len(self.writes)
