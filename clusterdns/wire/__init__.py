"""Bytes to meaning and back (RFC 1035, 6891). No I/O, no clock; the hot path is ours, other encoding is dnslib's."""
