"""How to reach an API server, and how gently: what the options of `kubernetes`, or a program's flags, come to."""

from __future__ import annotations

from msgspec import Struct


class Access(Struct, frozen=True):
    """One way to one API server. With nothing set it is that of the cluster that this pod runs in.

    `kubeconfig` is a path, and `context` one of its contexts, empty for the current one. Without a kubeconfig,
    `endpoint` is the server's URL, `certificate` and `key` are the files of a client certificate and `authority` that
    of the certificate authority. At most `qps` requests a second are made, `burst` of them at once, and `max_inflight`
    at a time; 0 is no limit.
    """

    kubeconfig: str = ""
    context: str = ""
    endpoint: str = ""
    certificate: str = ""
    key: str = ""
    authority: str = ""
    qps: float = 0.0
    burst: int = 1
    max_inflight: int = 0


IN_CLUSTER = Access()
