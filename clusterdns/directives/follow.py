"""Asking on: the further questions that a directive asks for the sake of one client's question.

A CNAME of our own making is no answer to a stub resolver, which follows nothing (RFC 1034 section 5.3.1). Where
configuration sends names in a circle, so would it send us, or let us wait for ourselves in the cache: each request
knows the names that led to it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from clusterdns.cache.watched import together
from clusterdns.directives.chain import Handler, Reply, Request, client_view
from clusterdns.errors import UpstreamFailure
from clusterdns.limits import CNAME_CHAIN
from clusterdns.wire.names import name_to_text


@dataclass(slots=True)
class Followed(Request):
    """A request that answers of our own led to; `passed` are the folded names behind it. It stays so down the chain."""

    passed: tuple[bytes, ...] = ()


async def follow(request: Request, target: bytes, resolve: Handler) -> Reply:
    """The answer for `target` (a wire name), with the type of the request's question.

    Raises UpstreamFailure if there is none, or if this is the end of a chain that is too long, or a circle.
    """
    passed = (*(request.passed if isinstance(request, Followed) else ()), request.query.folded)
    if target.lower() in passed or len(passed) > CNAME_CHAIN.default_int:
        raise UpstreamFailure("this server", f"CNAMEs lead in a circle, or too far: {name_to_text(target)}")
    return await resolve(ask_on(request, target, passed))


def ask_on(request: Request, target: bytes, passed: tuple[bytes, ...]) -> Followed:
    """The request for `target`, behind the names in `passed`."""
    values = {field.name: getattr(request, field.name) for field in fields(Request)}
    return Followed(**{**values, "query": request.query.ask_for(target)}, passed=passed)


def shared(request: Request, made: Reply, *used: Reply) -> Reply:
    """`made` as an answer that the replies in `used` went into: for no more clients, and no longer, than each."""
    views = {reply.view for reply in used if reply.view is not None}
    return replace(
        made,
        view=views.pop() if len(views) == 1 else client_view(request.client) if views else None,
        fresh_until=min(reply.fresh_until for reply in used),
        cacheable=all(reply.cacheable for reply in used),
        watched=together(*(reply.watched for reply in used)),
        forget_at=min(reply.forget_at for reply in used),
    )
