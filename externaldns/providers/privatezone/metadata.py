"""The ECS metadata service: what it says about the machine that we run on, its region and its VPC.

ExternalDNS takes both from there if no file names them. The keys of the node's role are the SDK's to ask for. Blocks;
asked at start only. Source: ECS user guide, "Instance metadata": first a token, unless the service has none yet.
"""

from __future__ import annotations

import urllib.request
from http.client import HTTPException

ADDRESS = "http://100.100.100.200"

_TIMEOUT_SECONDS = 1.0
_TOKEN_SECONDS = 60


class MetadataService:
    """Asks the service at `address`, never through a proxy."""

    def __init__(self, address: str = ADDRESS) -> None:
        self._address = address
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def read(self, name: str) -> str:
        """Return the value called `name`, such as `vpc-id`; OSError if the service does not give it."""
        try:
            life = {"X-aliyun-ecs-metadata-token-ttl-seconds": str(_TOKEN_SECONDS)}
            headers = {"X-aliyun-ecs-metadata-token": self._ask("/latest/api/token", "PUT", life)}
        except OSError:
            headers = {}
        return self._ask(f"/latest/meta-data/{name}", "GET", headers)

    def _ask(self, path: str, method: str, headers: dict[str, str]) -> str:
        request = urllib.request.Request(f"{self._address}{path}", method=method, headers=headers)
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                text: bytes = answer.read()
        except HTTPException as error:
            raise OSError(f"the answer is no HTTP: {error!r}") from error
        return text.decode("utf-8", "replace").strip()
