"""TLS towards a device: Modbus/TCP Security, which is Modbus TCP inside mutual TLS of version 1.2 or later.

The device decides by our certificate what we may do. Known from the specification's outline (port 802, TLS 1.2 or
later, certificates on both sides); verified against OpenSSL servers in tests, not on an instrument.
"""

from __future__ import annotations

import ssl

from config.agent import Tls


class NoTlsFilesError(OSError):
    """A certificate or key cannot be read, or they do not belong together; `strerror` says which."""

    def __init__(self, reason: str) -> None:
        super().__init__(0, reason)


def client_context(tls: Tls) -> ssl.SSLContext:
    """Return what a connection is secured by.

    Raises:
        NoTlsFilesError: A file is missing, holds something else, or key and certificate are not of one pair.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(tls, context)
    return context


def _load(tls: Tls, context: ssl.SSLContext) -> None:
    try:
        context.load_verify_locations(cafile=tls.ca_file)
    except (OSError, ValueError) as error:
        raise NoTlsFilesError(f"{tls.ca_file}: {tls_reason(error)}") from error
    if tls.cert_file is None:
        return
    try:
        context.load_cert_chain(tls.cert_file, tls.key_file, password=_no_password)
    except (OSError, ValueError) as error:
        raise NoTlsFilesError(f"{tls.cert_file}, {tls.key_file}: {tls_reason(error)}") from error


def _no_password() -> str:
    """Refuse keys with a password: OpenSSL would ask for it on the terminal that a service does not have."""
    raise ValueError("the key has a password")


def tls_reason(error: Exception) -> str:
    """Return OpenSSL's reason without its file names and numbers."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    return getattr(error, "strerror", None) or str(error)
