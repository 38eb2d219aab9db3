"""Make Mosquitto 2.x, InfluxDB 1.x and systemd-analyze available to the tests, without root.

Installed servers are used as they are. What is missing comes as Debian packages, checked by apt against the signed
package lists, into `.servers/`: own lists, own cache, nothing of the system is touched or needed but the sources.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVERS_FOLDER = Path(__file__).resolve().parents[2] / ".servers"
# Debian puts daemons where an ordinary user's PATH does not look.
_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin")
_APT_TIMEOUT_S = 600


class ServerMissingError(RuntimeError):
    """A server or tool is not available; the message says how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program: its Debian package, and what its version banner must look like."""

    name: str
    package: str
    banner_argument: str
    banner: re.Pattern[str]
    wanted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """A program that runs here: where it is, its version, and the environment it needs."""

    path: Path
    version: str
    library_path: str

    def environment(self) -> dict[str, str]:
        """Give the process environment, with the unpacked libraries first."""
        return _environment(self.library_path)


MOSQUITTO = Program(
    name="mosquitto",
    package="mosquitto",
    banner_argument="-h",
    banner=re.compile(r"mosquitto version (2\.\d+\.\d+)"),
    wanted="Mosquitto 2.x",
)
INFLUXD = Program(
    name="influxd",
    package="influxdb",
    banner_argument="version",
    banner=re.compile(r"InfluxDB v(1\.[0-9a-z.~+-]+)"),
    wanted="InfluxDB 1.x",
)
# The units' gate needs no running systemd, only this tool, which a container may lack.
SYSTEMD_ANALYZE = Program(
    name="systemd-analyze",
    package="systemd",
    banner_argument="--version",
    banner=re.compile(r"^systemd (25\d|2[6-9]\d)\b"),
    wanted="systemd-analyze 250 or later",
)
PROGRAMS = (MOSQUITTO, INFLUXD, SYSTEMD_ANALYZE)


def locate(program: Program, folder: Path = SERVERS_FOLDER) -> Binary:
    """Find a program that starts here: installed first, then unpacked.

    Raises:
        ServerMissingError: There is none, or only another version, or one whose libraries are missing.
    """
    reasons: list[str] = []
    for path, library_path in _candidates(program, folder):
        output = _run([str(path), program.banner_argument], library_path=library_path, timeout_s=20).stdout
        found = program.banner.search(output)
        if found:
            return Binary(path=path, version=found.group(1), library_path=library_path)
        reasons.append(f"  {path} does not serve: {_first_line(output)}")
    problem = "\n".join(reasons) or f"  there is no {program.name} on PATH, in sbin or in {folder}"
    raise ServerMissingError(
        f"{program.wanted} is missing:\n{problem}\n  mend it with: make servers, or: sudo apt install {program.package}"
    )


def provision(folder: Path = SERVERS_FOLDER) -> list[Binary]:
    """Make every program available, unpacking the missing ones into the folder.

    Raises:
        ServerMissingError: One can be neither found nor fetched; says what failed and what mends it.
    """
    missing = [program for program in PROGRAMS if not _is_available(program, folder)]
    if missing:
        _unpack([program.package for program in missing], folder)
    return [locate(program, folder) for program in PROGRAMS]


def _candidates(program: Program, folder: Path) -> list[tuple[Path, str]]:
    search = os.pathsep.join((os.environ.get("PATH", ""), *_SYSTEM_FOLDERS))
    installed = shutil.which(program.name, path=search)
    candidates = [(Path(installed), "")] if installed else []
    root = folder / "root"
    patterns = ("usr/lib/*-linux-gnu*", "lib/*-linux-gnu*", "usr/lib/*-linux-gnu*/systemd", "lib/systemd")
    libraries = [folder for pattern in patterns for folder in sorted(root.glob(pattern))]
    library_path = os.pathsep.join(str(library) for library in libraries)
    unpacked = (root / "usr/sbin" / program.name, root / "usr/bin" / program.name)
    candidates += [(path, library_path) for path in unpacked if os.access(path, os.X_OK)]
    return candidates


def _is_available(program: Program, folder: Path) -> bool:
    try:
        locate(program, folder)
    except ServerMissingError:
        return False
    return True


def _unpack(packages: Sequence[str], folder: Path) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise ServerMissingError(
                f"{' and '.join(packages)}: not installed, and without {tool} they cannot be fetched.\n"
                "  Install Mosquitto 2.x and InfluxDB 1.x by this system's own means, with both on PATH."
            )
    work = folder / "apt"
    archives = work / "archives"
    for needed in (work / "lists/partial", archives / "partial"):
        needed.mkdir(parents=True, exist_ok=True)
    apt = [
        "apt-get",
        f"-oDir::State::Lists={work / 'lists'}",
        f"-oDir::Cache={work}",
        f"-oDir::Cache::Archives={archives}",
        "-oAPT::Sandbox::User=root",  # the download user of apt may not enter this folder
        "-oAPT::Install-Recommends=false",
        "-oAcquire::Languages=none",
        "-oAcquire::Retries=3",
        "-oDebug::NoLocking=true",  # the lock of the system's package state belongs to root
    ]
    updated = _apt([*apt, "-q", "update"], packages)
    # An unreachable source only makes apt warn; the reason is lost unless it is told with what fails next.
    unreachable = [line for line in updated.splitlines() if line.startswith("W:")]
    plan = _apt([*apt, "-s", "install", *packages], packages, before=unreachable)
    needed_packages = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
    if not needed_packages:
        raise ServerMissingError(
            f"{' and '.join(packages)}: apt says installed, but no usable program was found.\n"
            f"  mend it with: sudo apt install --reinstall {' '.join(packages)}"
        )
    _apt([*apt, "-q", "download", *needed_packages], packages, cwd=archives)
    root = folder / "root"
    for archive in sorted(archives.glob("*.deb")):
        _apt(["dpkg-deb", "-x", str(archive), str(root)], packages)
    shutil.rmtree(work)


def _apt(command: list[str], packages: Sequence[str], cwd: Path | None = None, before: Sequence[str] = ()) -> str:
    done = _run(command, timeout_s=_APT_TIMEOUT_S, cwd=cwd)
    if done.returncode != 0:
        last_lines = "\n".join(f"    {line}" for line in (*before[:4], *done.stdout.strip().splitlines()[-8:]))
        raise ServerMissingError(
            f"{' and '.join(packages)} could not be fetched: `{_without_options(command)}` ended with "
            f"{done.returncode}:\n{last_lines}\n"
            f"  mend the package sources or the network, or: sudo apt install {' '.join(packages)}"
        )
    return done.stdout


def _without_options(command: list[str]) -> str:
    return " ".join(part for part in command if not part.startswith("-o"))


def _first_line(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[0] if lines else "it printed nothing"


def _environment(library_path: str) -> dict[str, str]:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    if library_path:
        environment["LD_LIBRARY_PATH"] = library_path
    return environment


def _run(
    command: list[str], *, library_path: str = "", timeout_s: float, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            env=_environment(library_path),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, stdout=f"no answer within {timeout_s:g} s")
    except OSError as error:
        return subprocess.CompletedProcess(command, 126, stdout=str(error))


def main() -> int:
    """Provision, print what is used, and give the exit code: 0, or 1 with what is missing."""
    try:
        binaries = provision()
    except ServerMissingError as error:
        sys.stderr.write(f"test servers: {error}\n")
        return 1
    for program, binary in zip(PROGRAMS, binaries, strict=True):
        sys.stdout.write(f"test servers: {program.name} {binary.version} ({binary.path})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
