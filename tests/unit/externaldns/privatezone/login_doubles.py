"""Where roles get their keys, on loopback: the STS operation AssumeRoleWithOIDC, and the metadata service of ECS.

The SDK's credentials package has both addresses built in, the STS with https: `redirect` replaces its one function that
sends requests by itself, towards here. Its clock and its scheduler are ours as well.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

Keys = tuple[str, str, str]
"""ID, secret and security token."""

ROLE, PROVIDER = "acs:ram::1:role/externaldns", "acs:ram::1:oidc-provider/ack"
METADATA = "/latest/meta-data/ram/security-credentials/"
_TOKEN_HEADER = "X-aliyun-ecs-metadata-token"


class LoginDoubles:
    """Both services. What they hand out is `keys`, for an hour; while `down`, every request gets that status."""

    def __init__(self) -> None:
        self.keys: Keys = ("id-1", "secret-1", "token-1")
        self.down = 0
        self.machine = {"vpc-id": "vpc-1", "region-id": "cn-beijing"}
        self.session_tokens = True
        """Whether the metadata service has tokens of its own (its second version)."""
        self.now = datetime.now(UTC)
        self.assumed: list[dict[str, str]] = []
        """The parameters of each AssumeRoleWithOIDC."""
        self.metadata: list[tuple[str, str, str]] = []
        """Method, path and token of each request to the metadata service."""

    def pass_seconds(self, seconds: float) -> None:
        """Let time go by, for the SDK and for the keys that are handed out from now on."""
        self.now += timedelta(seconds=seconds)

    def answer(self, method: str, target: str, token: str) -> tuple[int, str]:
        """Status and body of one request."""
        url = urlsplit(target)
        if url.path == "/":
            self.assumed.append({name: values[0] for name, values in parse_qs(url.query).items()})
            refusal = {"Code": "AuthenticationFail.OIDCToken.Expired", "Message": "This OIDC token is expired."}
            return (self.down, json.dumps(refusal)) if self.down else (200, json.dumps({"Credentials": self._issue()}))
        self.metadata.append((method, url.path, token))
        if self.down:
            return self.down, ""
        if method == "PUT":
            return (200, "session") if self.session_tokens else (404, "")
        if token != ("session" if self.session_tokens else ""):
            return 403, ""
        if url.path == METADATA:
            return 200, "node-role"
        if (name := url.path.removeprefix("/latest/meta-data/")) in self.machine:
            return 200, self.machine[name]
        return 200, json.dumps({"Code": "Success", **self._issue()})

    def _issue(self) -> dict[str, str]:
        names = ("AccessKeyId", "AccessKeySecret", "SecurityToken")
        until = (self.now + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return dict(zip(names, self.keys, strict=True)) | {"Expiration": until}


@contextmanager
def serving(doubles: LoginDoubles) -> Iterator[int]:
    """Answer on loopback; yields the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = doubles.answer(self.command, self.path, self.headers.get(_TOKEN_HEADER, ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_PUT = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Scheduler:
    """In place of the SDK's: nothing happens by itself."""

    def add_job(self, *_: object, **__: object) -> None: ...

    def start(self) -> None: ...

    def shutdown(self, wait: bool) -> None: ...


@contextmanager
def redirect(monkeypatch: pytest.MonkeyPatch, doubles: LoginDoubles, **environment: str) -> Iterator[None]:
    """Let the SDK's chain find what the doubles hand out, and nothing else.

    `environment` are names of the SDK's module that has read the environment, such as `environment_role_arn`.
    """
    from alibabacloud_credentials.provider import ecs_ram_role, refreshable
    from alibabacloud_credentials.utils import auth_util
    from Tea.core import TeaCore

    class Clock:
        @staticmethod
        def localtime() -> None: ...

        @staticmethod
        def mktime(_: None) -> float:
            return doubles.now.timestamp()

    values = {"environment_cli_profile_disabled": "true", "environment_ecs_metadata_disabled": "true", **environment}
    for name, value in values.items():
        monkeypatch.setattr(auth_util, name, value)
    monkeypatch.setattr(auth_util, "enable_oidc_credential", "environment_role_arn" in environment)
    monkeypatch.setattr(refreshable, "time", Clock)
    monkeypatch.setattr(ecs_ram_role, "BackgroundScheduler", _Scheduler)
    send: Callable[..., Any] = TeaCore.do_action
    with serving(doubles) as port:

        def send_here(request: Any, options: Any = None) -> Any:
            assert request.headers["host"] in ("sts.aliyuncs.com", "100.100.100.200")
            request.protocol, request.headers["host"], request.port = "http", "127.0.0.1", port
            return send(request, options)

        monkeypatch.setattr(TeaCore, "do_action", staticmethod(send_here))
        try:
            yield
        finally:
            for session in TeaCore._sessions.values():
                session.close()
            TeaCore._sessions.clear()
