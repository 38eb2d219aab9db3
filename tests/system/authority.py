"""A certificate authority of a test, made with the `openssl` command."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

_CONFIG: Final = """\
[ca]
default_ca = here
[here]
dir = .
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
"""
_NEW_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Authority:
    """Signs P-256 certificates; `folder` holds NAME.crt and NAME.key of each, and its own as ca.crt."""

    def __init__(self, folder: Path) -> None:
        """Make the authority's own key and certificate."""
        self.folder = folder
        folder.mkdir(parents=True)
        (folder / "openssl.cnf").write_text(_CONFIG)
        (folder / "index.txt").touch()
        (folder / "serial").write_text("01\n")
        subject = ("-subj", f"/CN={folder.name}", "-config", "openssl.cnf")
        self._openssl("req", "-x509", *_NEW_KEY, "-keyout", "ca.key", "-out", "ca.crt", *subject, "-days", "2")

    def sign(self, name: str, *, hosts: str = "", expired: bool = False) -> None:
        """Make a key and a certificate whose CN is the name.

        Args:
            name: Common name and file name.
            hosts: For a server: its subjectAltName, such as IP:127.0.0.1.
            expired: Valid in January 2020 alone.
        """
        request = ("-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}", "-config", "openssl.cnf")
        self._openssl("req", "-new", *_NEW_KEY, *request, *(("-addext", f"subjectAltName={hosts}") if hosts else ()))
        past = ("-startdate", "20200101000000Z", "-enddate", "20200201000000Z")
        signed = ("-cert", "ca.crt", "-keyfile", "ca.key", "-in", f"{name}.csr", "-out", f"{name}.crt", "-notext")
        self._openssl("ca", "-batch", "-config", "openssl.cnf", *signed, *(past if expired else ("-days", "2")))

    def tls(self, name: str = "", *, ca: Authority | None = None) -> dict[str, Any]:
        """Return `mqtt.tls` for a certificate of this authority, trusting `ca` (itself if None)."""
        settings = {"ca_file": (ca or self).folder / "ca.crt"}
        if name:
            settings |= {"cert_file": self.folder / f"{name}.crt", "key_file": self.folder / f"{name}.key"}
        return {"tls": settings}

    def broker(self, name: str = "broker") -> str:
        """Return the lines of mosquitto.conf(5) for mutual TLS, user names taken from the certificates."""
        return (
            f"cafile {self.folder}/ca.crt\ncertfile {self.folder}/{name}.crt\nkeyfile {self.folder}/{name}.key\n"
            "require_certificate true\nuse_identity_as_username true\nallow_anonymous false\n"
        )

    def _openssl(self, *arguments: str) -> None:
        program = shutil.which("openssl")
        assert program, "the command openssl is missing: sudo apt install openssl"
        done = subprocess.run([program, *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
