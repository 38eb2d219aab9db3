"""The locks pin everything by hash, agree with each other and with pyproject.toml, and name no host."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]
LOCKS = ("agent", "camera", "collector", "demo", "dev")
# The gateway's list must install on 32-bit ARM, where these have no wheels.
NOT_ON_32_BIT_ARM = {"numpy", "opencv-python-headless", "av", "msgspec", "uvloop", "psutil", "cryptography", "uv"}


def _pins(lock: str) -> dict[str, set[str]]:
    """Give the versions of each package; more than one where the Python version decides."""
    pins: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", _text(lock), re.MULTILINE):
        pins.setdefault(canonicalize_name(name), set()).add(version)
    return pins


def _text(lock: str) -> str:
    return (ROOT / "locks" / f"{lock}.txt").read_text("utf-8")


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def _direct(extra: str | None) -> list[Requirement]:
    """Give what pyproject.toml asks for, references to our own extras followed."""
    project = _project()["project"]
    found = [Requirement(text) for text in project["dependencies"]]
    waiting = [extra] if extra else []
    while waiting:
        for text in project["optional-dependencies"][waiting.pop()]:
            requirement = Requirement(text)
            if canonicalize_name(requirement.name) == "lamplighter":
                waiting += sorted(requirement.extras)
            else:
                found.append(requirement)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_with_hashes(lock: str) -> None:
    entries = re.split(r"\n(?=[^\s#])", _text(lock).strip())
    assert len(entries) > 5
    for entry in entries:
        first, *rest = entry.splitlines()
        assert re.fullmatch(r"[\w.-]+==[\w.!+-]+( ; [^\\]+)? \\", first), first
        assert rest, first
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in rest), first


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_name_no_host_and_no_path(lock: str) -> None:
    assert not re.search(
        r"://|@ |^-|index|find-links|/", re.sub(r"sys_platform|os_name", "", _text(lock)), re.MULTILINE
    )


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_hold_what_pyproject_asks_for(lock: str) -> None:
    pins = _pins(lock)
    for requirement in _direct(None if lock == "agent" else lock):
        versions = pins.get(canonicalize_name(requirement.name))
        assert versions, f"locks/{lock}.txt lacks {requirement}: make lock"
        assert all(requirement.specifier.contains(version, prereleases=True) for version in versions), (
            f"locks/{lock}.txt: {requirement} is not met by {versions}: make lock"
        )


@pytest.mark.parametrize("lock", ["agent", "camera", "collector", "demo"])
def test_what_is_tested_is_what_is_installed(lock: str) -> None:
    tested = _pins("dev")
    differing = {name: (pins, tested[name]) for name, pins in _pins(lock).items() if tested.get(name, pins) != pins}
    assert not differing


def test_agent_lock_installs_on_32_bit_arm() -> None:
    assert not _pins("agent").keys() & NOT_ON_32_BIT_ARM


@pytest.mark.parametrize("lock", LOCKS)
def test_the_build_backend_is_locked_too(lock: str) -> None:
    for text in _project()["build-system"]["requires"]:
        requirement = Requirement(text)
        assert all(requirement.specifier.contains(version) for version in _pins(lock)[requirement.name])
