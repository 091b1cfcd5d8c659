"""Keeps the Corefile that runs equal to what its template, the kube-dns ConfigMap and cluster DNS say.

    Corefile.base, kube-dns ConfigMap, ClusterDns ──► template ──► loaded for a check ──► -conf, replaced as a whole

Mounted ConfigMaps change by a symlink that the kubelet swaps (`..data`): a stat of what the names lead to sees it.
Whatever is wrong is logged, counted and tried anew, and what runs stays as it is. Without a template there is nothing
to do: then -conf is the operator's own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from clusterdns.errors import ConfigError
from clusterdns.forward.upstreams import Upstream
from clusterdns.limits import CONFIG_POLL_SECONDS, CONFIG_RETRY_SECONDS
from nodelocal import stub_domains, template
from nodelocal.cluster_dns import ClusterDns, NoClusterDns
from nodelocal.flags import Options
from nodelocal.stub_domains import KubeDns

_log = logging.getLogger(__name__)

Identity = tuple[str, int, int, int]
"""(path, modification time in ns, size, inode) of the file that a path leads to; zeros if it leads nowhere."""
Sleep = Callable[[float], Awaitable[None]]


class Inputs(NamedTuple):
    """What a Corefile is made of, as cheap to compare as to get. `missing` says why there are no `servers`."""

    files: tuple[Identity, ...]
    servers: tuple[Upstream, ...]
    missing: str


class ConfigSync:
    """Writes `options.corefile`. `check(path)` loads a Corefile as the program will, or raises ConfigError.

    `errors` counts attempts that failed, for `coredns_nodecache_setup_errors_total{errortype="configmap"}`.
    """

    def __init__(self, options: Options, cluster_dns: ClusterDns, check: Callable[[str], object]) -> None:
        self.errors = 0
        self._options = options
        self._corefile = Path(options.corefile)
        self._base = Path(options.base_corefile)
        self._base_expected = "basecorefile" in options.given
        self._folder = Path(options.kube_dns_folder)
        self._cluster_dns = cluster_dns
        self._check = check
        self._seen: Inputs | None = None
        self._failed = False
        self._told = ""
        self._retry_at = 0.0
        self._warned: set[str] = set()

    def render_once(self) -> bool:
        """Make the Corefile. True if it is another one than before; False if it is the same or there is no template.

        Raises ConfigError, with the old Corefile in place: naming the place in the template or the key of the
        ConfigMap, or what can't be read or written; NoClusterDns if the template asks for what is not known.
        """
        return self._attempt(self._look())

    async def prepare(self, stop: asyncio.Event, sleep: Sleep = asyncio.sleep) -> bool:
        """Wait until there is a Corefile to run; False if `stop` was set before there was.

        Where one can't be made, an earlier one that loads will do, or else one without the ConfigMap: a node without
        stub domains is better off than one without DNS. Raises ConfigError if all that is of no help; an API server
        that may yet say where cluster DNS is, is waited for.
        """
        while not stop.is_set():
            inputs = self._look()
            if self._is_due(inputs):
                try:
                    await asyncio.to_thread(self._attempt, inputs)
                    return True
                except ConfigError as error:
                    self._tell(error)
                    if await asyncio.to_thread(self._fall_back, inputs):
                        return True
                    if not (isinstance(error, NoClusterDns) and self._cluster_dns.watched):
                        raise
            await sleep(CONFIG_POLL_SECONDS.default)
        return False

    async def watch(self, on_change: Callable[[], Awaitable[None]], sleep: Sleep = asyncio.sleep) -> None:
        """Make the Corefile whenever something that it is made of changes, until cancelled.

        `on_change()` is called after each one that is another. Mistakes are logged once, counted at each attempt, and
        tried again when something changes, at the latest after CONFIG_RETRY_SECONDS.
        """
        while True:
            await sleep(CONFIG_POLL_SECONDS.default)
            inputs = self._look()
            if not self._is_due(inputs):
                continue
            try:
                # In a thread: queries are answered while the file is on its way to the disk.
                changed = await asyncio.to_thread(self._attempt, inputs)
            except ConfigError as error:
                self._tell(error)
                continue
            if self._told:
                _log.info("the Corefile can be made again")
                self._told = ""
            if changed:
                await on_change()

    def _look(self) -> Inputs:
        # Taken before anything is read: what changes while we read is then a change for the next look, too.
        files = tuple(_identity(path) for path in (self._base, *_files(self._folder)))
        try:
            return Inputs(files, self._cluster_dns.servers(), "")
        except NoClusterDns as error:
            return Inputs(files, (), str(error))

    def _is_due(self, inputs: Inputs) -> bool:
        again = self._failed and asyncio.get_running_loop().time() >= self._retry_at
        return again or inputs != self._seen

    def _tell(self, error: ConfigError) -> None:
        self._retry_at = asyncio.get_running_loop().time() + CONFIG_RETRY_SECONDS.default
        if str(error) != self._told:
            self._told = str(error)
            _log.error("the Corefile can't be made: %s", error)

    def _attempt(self, inputs: Inputs) -> bool:
        self._seen = inputs
        try:
            base = self._read_base()
            changed = base is not None and self._make(base, inputs, self._read_kube_dns())
        except ConfigError:
            self._failed = True
            self.errors += 1
            raise
        self._failed = False
        return changed

    def _fall_back(self, inputs: Inputs) -> bool:
        try:
            self._check(str(self._corefile))
            _log.warning("the Corefile that is there is used: %s", self._corefile)
            return True
        except ConfigError:
            pass
        try:
            base = self._read_base()
            if base is None:
                return False
            self._make(base, inputs, KubeDns())
        except ConfigError:
            return False
        _log.warning("the Corefile is made without the ConfigMap in %s", self._folder)
        return True

    def _read_base(self) -> str | None:
        try:
            text = self._base.read_text("utf-8")
        except (FileNotFoundError, NotADirectoryError):
            if not self._base_expected:
                return None
            raise ConfigError("the template of the Corefile is not there", source=str(self._base)) from None
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(self._base, error) from None
        self._base_expected = True  # once there, its absence is a mistake
        return text

    def _read_kube_dns(self) -> KubeDns:
        if "kubednscm" in self._options.given and not self._folder.is_dir():
            raise ConfigError("the folder of the kube-dns ConfigMap is not there", source=str(self._folder))
        data = {}
        for path in _files(self._folder):
            try:
                data[path.name] = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise _unreadable(path, error) from None
        kube_dns = stub_domains.parse(data, str(self._folder))
        for key in kube_dns.ignored:
            if key not in self._warned:
                self._warned.add(key)
                _log.warning("%s/%s is ignored: only stubDomains and upstreamNameservers are used", self._folder, key)
        return kube_dns

    def _make(self, base: str, inputs: Inputs, kube_dns: KubeDns) -> bool:
        source = str(self._base)
        if not inputs.servers and template.CLUSTER_DNS in template.placeholders(base, source):
            raise NoClusterDns(inputs.missing)
        variables = template.Variables(self._options.local_addresses, inputs.servers, kube_dns, self._options.dns_port)
        rendered = template.render(base, source, variables)
        if _text_of(self._corefile) == rendered.text:
            self._check_rendered(str(self._corefile), rendered)
            return False
        self._replace(rendered)
        _log.info(
            "wrote %s: cluster DNS %s, %d stub domains, upstream servers %s",
            self._corefile,
            ", ".join(map(str, inputs.servers)) or "not asked for",
            len(kube_dns.stub_domains),
            ", ".join(map(str, kube_dns.upstream_nameservers)) or template.RESOLV_CONF,
        )
        return True

    def _replace(self, rendered: template.Rendered) -> None:
        """Write, check, rename: a reader, and a crash at any moment, finds the old Corefile or the new one, whole."""
        folder = self._corefile.parent
        temporary = ""
        try:
            # Beside the Corefile: what it imports is found from there, and a rename does not leave the file system.
            handle, temporary = tempfile.mkstemp(prefix=f".{self._corefile.name}.", dir=folder)
            with open(handle, "w", encoding="utf-8", newline="") as file:
                file.write(rendered.text)
                file.flush()
                os.fchmod(handle, 0o644)
                os.fsync(handle)
            self._check_rendered(temporary, rendered)
            os.replace(temporary, self._corefile)
            _sync_folder(folder)
        except OSError as error:
            raise ConfigError(f"the Corefile can't be written: {error.strerror}", source=str(self._corefile)) from None
        finally:
            if temporary:
                Path(temporary).unlink(missing_ok=True)

    def _check_rendered(self, path: str, rendered: template.Rendered) -> None:
        """Load the file; an error is told of the template's line or the stub domain that it comes from."""
        try:
            self._check(path)
        except ConfigError as error:
            message, source, line = error.message.replace(path, str(self._base)), error.source, error.line
            if source == path:
                source = str(self._base)
                for start, domain in reversed(rendered.stub_lines):
                    if line >= start:
                        raise ConfigError(f'"{domain}": {message}', source=f"{self._folder}/stubDomains") from None
            raise ConfigError(message, source=source, line=line, column=error.column) from None


def _files(folder: Path) -> list[Path]:
    """The keys of a mounted ConfigMap, sorted. What the kubelet keeps beside them begins with a dot."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith(".") and not entry.is_dir())
    except OSError:
        return []  # an optional ConfigMap that is not mounted
    return [folder / name for name in names]


def _identity(path: Path) -> Identity:
    try:
        status = path.stat()
    except OSError:
        return (str(path), 0, 0, 0)
    return (str(path), status.st_mtime_ns, status.st_size, status.st_ino)


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _unreadable(path: Path, error: OSError | UnicodeDecodeError) -> ConfigError:
    if isinstance(error, UnicodeDecodeError):
        return ConfigError(f"not UTF-8 text: {error.reason} at byte {error.start}", source=str(path))
    return ConfigError(f"can't be read: {error.strerror}", source=str(path))


def _sync_folder(folder: Path) -> None:
    """Make a rename durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
