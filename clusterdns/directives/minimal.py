"""The `minimal` directive: an answer goes without its authority and additional records.

Denials keep their SOA, without which nobody could cache them (RFC 2308 section 5), and referrals keep everything. It
stands behind the cache, which keeps the short answer, for as long as its own records live.
"""

from __future__ import annotations

from dataclasses import replace

from clusterdns.directives.chain import Handler, Reply, Request
from clusterdns.directives.config.minimal import Config
from clusterdns.wire.names import skip_name
from clusterdns.wire.query import HEADER, HEADER_BYTES
from clusterdns.wire.response import Kind, Response, read_response


def make(config: Config, site: object, following: Handler) -> Handler:
    """The handler of one `minimal`; see `clusterdns.directives.assemble.Maker`."""

    async def handle(request: Request) -> Reply:
        reply = await following(request)
        response = reply.response
        # Bytes 8 to 12 of the header count the authority and additional records.
        if response.kind is not Kind.ANSWER or response.message[8:HEADER_BYTES] == bytes(4):
            return reply
        return replace(reply, response=answer_alone(response))

    return handle


def answer_alone(response: Response) -> Response:
    """The response up to the end of its answer section. Names point back only, so the rest may simply go."""
    message = response.message
    message_id, flags, questions, answers, _authorities, _additionals = HEADER.unpack_from(message)
    end = response.question_end
    for _ in range(answers):
        end = skip_name(message, end)
        end += 10 + (message[end + 8] << 8 | message[end + 9])
    head = HEADER.pack(message_id, flags, questions, answers, 0, 0)
    return replace(read_response(head + message[HEADER_BYTES:end]), subnet=response.subnet)
