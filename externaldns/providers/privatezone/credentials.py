"""Who we are to Alibaba Cloud: the keys in --alibaba-cloud-config-file, or the SDK's chain; both may change as we run.

    a file with keys       read again when it has changed: a rotated Secret is used for the next call
    a file without keys,   the SDK's default chain: environment, OIDC token (RRSA), CLI profile, credentials file,
    or no file             ECS RAM role, credentials URI; the SDK renews what expires

Both are given to the SDK's client as its `credential`, which it asks before each call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clusterdns.errors import ConfigError
from externaldns.config import AlibabaCloudConfig, read_alibaba_cloud_config

logger = logging.getLogger(__name__)


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
                self._config = self._read(self._path, "")
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


def default_chain() -> Any:
    """Return the SDK's chain of ways to log in."""
    from alibabacloud_credentials.client import Client

    return Client()
