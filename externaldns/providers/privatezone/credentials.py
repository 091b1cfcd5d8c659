"""Who we are to Alibaba Cloud: the keys in --alibaba-cloud-config-file, or the SDK's chain; both may change as we run.

    a file with keys       read again when it has changed: a rotated Secret is used for the next call
    a file without keys,   the SDK's default chain: environment, OIDC token (RRSA), CLI profile, credentials file,
    or no file             ECS RAM role, credentials URI; the SDK renews what expires, 15 minutes before

Both are given to the SDK's client as its `credential`, which it asks before each call.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clusterdns.errors import ConfigError
from externaldns.config import AlibabaCloudConfig, read_alibaba_cloud_config
from externaldns.providers.privatezone.failure import NoKeys
from externaldns.providers.privatezone.throttle import pause_seconds

logger = logging.getLogger(__name__)

_SAY_AGAIN_SECONDS = 3600.0


class FileCredentials:
    """The keys in a file. A change that can't be read leaves the last good keys in use."""

    def __init__(self, path: Path, read: Callable[[Path, str], AlibabaCloudConfig] = read_alibaba_cloud_config) -> None:
        """ConfigError if the file can't be read now."""
        self._path = path
        self._read = read
        self._seen: object = self._stamp()
        self._config = read(path, "")

    def get_credential(self) -> Any:
        """Return the SDK's model of the keys, as the file has them now."""
        from alibabacloud_credentials.models import CredentialModel

        if (stamp := self._stamp()) != self._seen:
            self._seen = stamp
            try:
                config = self._read(self._path, "")
                if not config.access_key_id:
                    raise ConfigError("has no accessKeyId any more", source=str(self._path))
                self._config = config
                logger.info("the keys in %s have changed", self._path)
            except ConfigError as error:
                logger.error("the last good keys stay in use: %s", error)
        config = self._config
        return CredentialModel(
            access_key_id=config.access_key_id,
            access_key_secret=config.access_key_secret,
            security_token=config.security_token or None,
            type="sts" if config.security_token else "access_key",
            provider_name="config_file",
        )

    def _stamp(self) -> object:
        """Return what changes with the file. A Secret's files are links that are swapped, so that the inode tells."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return (status.st_ino, status.st_mtime_ns, status.st_size)


class ChainCredentials:
    """The keys that the SDK's chain finds. Thread-safe.

    A chain that finds none is walked again after a pause, not for each call: looking for a metadata server that is not
    there takes seconds. Keys that can't be renewed stay in use; whether they still hold is PrivateZone's to say.
    """

    def __init__(self, chain: Any, clock: Callable[[], float] = time.monotonic) -> None:
        """`chain.get_credential` returns the SDK's model of the keys, or raises anything."""
        self._chain = chain
        self._clock = clock
        self._lock = threading.Lock()
        self._found: Any = None
        self._failures = 0
        self._next = float("-inf")
        self._trouble = ""

    def get_credential(self) -> Any:
        """Return the SDK's model of the keys; NoKeys if none were ever found."""
        with self._lock:
            if self._clock() >= self._next:
                self._look()
            if self._found is None:
                raise NoKeys(self._trouble)
            return self._found

    def _look(self) -> None:
        try:
            self._found = self._chain.get_credential()
        except Exception as error:
            self._failures += 1
            self._next = self._clock() + pause_seconds(self._failures, dice=0.0)
            self._trouble = str(error)
            if self._found is not None and self._failures == 1:
                logger.error("the last good keys stay in use, new ones could not be had: %s", error)
        else:
            if self._failures:
                logger.info("keys are found again, by %s", self._found.provider_name)
            self._failures, self._next = 0, float("-inf")


def default_chain(clock: Callable[[], float] = time.monotonic) -> ChainCredentials:
    """Return the SDK's chain of ways to log in. What the environment says is read when this is first called."""
    from alibabacloud_credentials.client import Client

    _quieten()
    return ChainCredentials(Client(), clock)


class _StaleKeys(logging.Filter):
    """Lets through of the credentials package's log only what it does not raise: that it goes on with old keys.

    It logs each failed try, with a trace. The keys of an ECS RAM role stay in use when they can't be renewed, and
    nobody is told why, until they have expired.
    """

    def __init__(self) -> None:
        super().__init__()
        self._error = ""
        self._told = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if text.startswith("Refresh credentials failed"):
            self._error = text.partition("error: ")[2]
        if not text.startswith("Cached value expiration has been extended"):
            return False
        if record.created - self._told < _SAY_AGAIN_SECONDS:
            return False
        self._told = record.created
        record.msg, record.args = "the role's keys could not be renewed and stay in use: %s", (self._error,)
        return True


def _quieten() -> None:
    """Let what the SDK's packages log follow the program's logging; a scheduler tells of its every minute."""
    for name in ("credentials", "alibabacloud-tea"):
        logging.getLogger(name).handlers.clear()
    stale = logging.getLogger("credentials")
    if not any(isinstance(each, _StaleKeys) for each in stale.filters):
        stale.addFilter(_StaleKeys())
    logging.getLogger("alibabacloud-tea").setLevel(logging.NOTSET)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
