"""Tells the objects that asked for records what became of them: Kubernetes Events (`--events-emit`).

    RecordReady      a record was made or changed
    RecordDeleted    a record was deleted
    RecordError      a record could not be made, changed or deleted, and why
    RecordAnswered   DNS gives the new answer, so many seconds after the object changed

The same error again and again is one event. No I/O here: events go to a sink, `kube.events.EventRecorder.post`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence

from clusterdns.kube.events import Event, ObjectReference
from clusterdns.kube.kinds import KINDS
from clusterdns.limits import EXTERNALDNS_REMEMBERED_ERRORS
from externaldns import ownership_value
from externaldns.changes import ChangeResult, RecordChange
from externaldns.mistakes import NoRecord
from externaldns.record import Endpoint

REASONS = ("RecordReady", "RecordDeleted", "RecordError", "RecordAnswered")

# The kind of object behind each word that a `resource` label begins with.
_KINDS = {kind.name.lower(): kind for kind in KINDS.values()}
_KINDS |= {alias: _KINDS[name] for alias, name in (("crd", "dnsendpoint"),) if name in _KINDS}


class Announcer:
    """Makes events of `reasons` alone."""

    def __init__(self, reasons: Iterable[str], post: Callable[[Event], None]) -> None:
        self._reasons = frozenset(reasons)
        self._post = post
        self._errors: OrderedDict[tuple[str, str], str] = OrderedDict()
        """The last error told, by name and resource; those that failed last at the end."""

    def applied(self, results: Sequence[ChangeResult], changed_at: Mapping[str, float]) -> None:
        """Tell what became of a batch of changes."""
        for result in results:
            steps = [step for step in result.change.steps if not _is_ownership(step.endpoint, result.change.name)]
            if result.error is not None:
                self._failed(result, steps)
                continue
            for step in steps:
                self._errors.pop((result.change.name, step.endpoint.resource), None)
                reason = "RecordDeleted" if step.new is None else "RecordReady"
                self._tell(step.endpoint, reason, f"{step} by externaldns")

    def answered(self, endpoint: Endpoint, seconds: float) -> None:
        """Tell that DNS answers with `endpoint`, `seconds` after its object changed."""
        text = f"{endpoint.dns_name} {endpoint.record_type} is answered {seconds:.2f} s after the change"
        self._tell(endpoint, "RecordAnswered", text)

    def _failed(self, result: ChangeResult, steps: Sequence[RecordChange]) -> None:
        name, error = result.change.name, str(result.error)
        for resource, endpoint in {step.endpoint.resource: step.endpoint for step in steps}.items():
            # Of a mistake one is told only when it is new (`externaldns.mistakes`): its object may have been mended.
            if isinstance(result.error, NoRecord) or self._errors.get((name, resource)) != error:
                self._tell(endpoint, "RecordError", f"{name}: {error}" if name else error, warning=True)
            self._errors[name, resource] = error
            self._errors.move_to_end((name, resource))
        # A name that nobody asks for any more never succeeds.
        while len(self._errors) > EXTERNALDNS_REMEMBERED_ERRORS.default:
            self._errors.popitem(last=False)

    def _tell(self, endpoint: Endpoint, reason: str, message: str, *, warning: bool = False) -> None:
        about = reference(endpoint.resource)
        if about is not None and reason in self._reasons:
            self._post(Event(about, reason, message, warning))


def reference(resource: str) -> ObjectReference | None:
    """Return the object that a `resource` label such as `service/shop/web` names; None if it names none."""
    parts = resource.split("/")
    kind = _KINDS.get(parts[0])
    if kind is None or len(parts) not in (2, 3):
        return None
    namespace = parts[1] if len(parts) == 3 else ""
    return ObjectReference(kind.api_version, kind.name, namespace, parts[-1])


def _is_ownership(endpoint: Endpoint, name: str) -> bool:
    """Tell whether `endpoint`, of a change of `name`, is an ownership record: it says so, or, encrypted, is beside."""
    said = any(ownership_value.read(text) for text in endpoint.targets)
    return endpoint.record_type == "TXT" and (said or endpoint.dns_name != name)
