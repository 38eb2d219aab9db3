"""TLS towards the broker, with what paho does not tell: why a peer refused our certificate."""

from __future__ import annotations

import ssl

from config.agent import Tls


class TlsContext(ssl.SSLContext):
    """Remembers what the peer said of our certificate: in TLS 1.3 that comes after the handshake, and paho drops it."""

    refusal: str = ""


class _TlsSocket(ssl.SSLSocket):
    """Closed when its handshake fails: paho forgets it then."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            if isinstance(self.context, TlsContext):
                self.context.refusal = str(error)
            raise


def tls_context(tls: Tls) -> TlsContext:
    """Return a context of a configuration's files.

    Raises:
        OSError: A file cannot be read, or is no certificate or key.
    """
    context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _TlsSocket
    context.load_verify_locations(tls.ca_file)
    if tls.cert_file is not None:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context
