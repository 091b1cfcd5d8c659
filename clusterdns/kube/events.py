"""Events about objects, as `kubectl describe` shows them: posted one after the other, and dropped when there are many.

Source: Kubernetes API reference, v1 Event. An Event is for people; nothing waits for one, and one that the server
refuses is lost.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from clusterdns.errors import KubeApiError
from clusterdns.kube.api import ApiServer
from clusterdns.limits import KUBE_EVENTS_WAITING

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """The object that an event is about; `namespace` is empty for one that has none."""

    api_version: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Event:
    """What has happened; `warning` for what somebody should look at."""

    about: ObjectReference
    reason: str
    message: str
    warning: bool = False


class EventRecorder:
    """Posts events to `server` as `component`, from process `instance`."""

    def __init__(
        self, server: ApiServer, component: str, instance: str, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._server = server
        self._component = component
        self._instance = instance
        self._wall_clock = wall_clock
        self._waiting: asyncio.Queue[Event] = asyncio.Queue(KUBE_EVENTS_WAITING.default_int)
        self.lost = 0
        """Events that were dropped, or refused by the server."""

    def post(self, event: Event) -> None:
        """Post `event` soon; drop it if too many wait."""
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            self.lost += 1

    async def run(self) -> None:
        """Send what is posted, until cancelled."""
        told = False
        while True:
            event = await self._waiting.get()
            try:
                await self._send(event)
            except KubeApiError as error:
                self.lost += 1
                if not told:
                    logger.warning("events can't be posted, which harms no record: %s", error)
                told = True
            finally:
                self._waiting.task_done()

    async def sent(self) -> None:
        """Wait until `run` has sent, or lost, all that was posted."""
        await self._waiting.join()

    async def _send(self, event: Event) -> None:
        about = event.about
        moment = datetime.fromtimestamp(self._wall_clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        # An event about an object without namespace goes to "default", as the API wants it.
        namespace = about.namespace or "default"
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{about.name}."[:253], "namespace": namespace},
            "involvedObject": {
                "apiVersion": about.api_version,
                "kind": about.kind,
                "name": about.name,
                **({"namespace": about.namespace} if about.namespace else {}),
            },
            "reason": event.reason,
            "message": event.message[:1024],
            "type": "Warning" if event.warning else "Normal",
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": self._instance,
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
        }
        await self._server.send("POST", f"/api/v1/namespaces/{namespace}/events", body)
