"""Reading a Corefile from disk into frozen configuration: the one place where file names become text."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clusterdns.corefile.parse import parse
from clusterdns.directives.config.server import Parser, ServerConfig, load
from clusterdns.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Loaded:
    """A Corefile as configuration; `digest` (SHA-512, as CoreDNS reports it) covers the files that it imports."""

    servers: tuple[ServerConfig, ...]
    digest: str


def load_corefile(path: str, known: Mapping[str, Parser], *, default_port: int) -> Loaded:
    """The server blocks of the Corefile at `path`, with the files that it imports and the process's environment.

    Raises ConfigError with file, line and column, or saying why the file can't be read.
    """
    digest = hashlib.sha512()

    def read(name: str) -> str:
        text = _read(name)
        digest.update(text.encode())
        return text

    def read_all(pattern: str) -> list[tuple[str, str]]:
        return [(name, read(name)) for name in sorted(glob.glob(pattern)) if Path(name).is_file()]

    tree = parse(read(path), path, environ=os.environ, read_files=read_all)
    return Loaded(load(tree, known, default_port=default_port), digest.hexdigest())


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"the Corefile can't be read: {error.strerror}", source=path) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"the Corefile is not UTF-8 text: {error.reason} at byte {error.start}", source=path
        ) from error
