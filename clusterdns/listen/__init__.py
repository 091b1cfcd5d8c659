"""Sockets in, answers out: UDP drained in a loop, TCP pipelined (RFC 7766)."""
