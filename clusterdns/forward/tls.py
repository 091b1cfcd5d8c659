"""DNS over TLS (RFC 7858): the context of connections to `tls://` upstreams, and what went wrong in words.

Always the strict profile (RFC 8310 section 5): a certificate that does not fit fails the connection. There is no
fallback to plain DNS.
"""

from __future__ import annotations

import os
import ssl

from clusterdns.errors import ConfigError


def client_context(certificate: str = "", key: str = "", authority: str = "") -> ssl.SSLContext:
    """A context that verifies servers, from paths of PEM files; empty for none, and for the system's authorities.

    Raises ConfigError naming the file that can't be used.
    """
    try:
        context = ssl.create_default_context(cafile=authority or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"forward: tls: the authority's file {authority} can't be used: {reason_of(error)}") from None
    # "clients and servers … SHOULD [use] TLS version 1.2 or later" (RFC 7858 section 3.2, RFC 7525).
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate:
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"forward: tls: the certificate {certificate} and key {key} can't be used: {reason_of(error)}"
            ) from None
    return context


def reason_of(error: OSError) -> str:
    """What an error of a connection means, for a person."""
    if isinstance(error, ssl.SSLCertVerificationError):
        # Its errno is 1, which would read "Operation not permitted".
        return (
            f"the server's certificate does not fit: {error.verify_message.rstrip('.')}; "
            "check tls_servername and the authority of tls"
        )
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or str(error)).lower().replace('_', ' ')}"
    return os.strerror(error.errno) if error.errno else str(error)
