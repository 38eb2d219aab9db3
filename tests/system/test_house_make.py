"""`make` on machines that lack something: it says what, how to mend it, and fails."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.provision import MOSQUITTO, PROGRAMS, ServerMissingError, locate, provision

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the Makefile and the locks, and nothing installed."""
    folder = tmp_path / "clone"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "locks", folder / "locks")
    return folder


def _make(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments],  # noqa: S607 - whichever make the developer has
        cwd=clone,
        env={**environment, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _python_with(tmp_path: Path, module: str, text: str) -> Path:
    """An interpreter in front of whose library stands one module of ours."""
    library = tmp_path / "library"
    library.mkdir()
    (library / f"{module}.py").write_text(text, "utf-8")
    interpreter = tmp_path / "python3"
    interpreter.write_text(f'#!/bin/sh\nPYTHONPATH="{library}" exec "{sys.executable}" "$@"\n', "utf-8")
    interpreter.chmod(0o755)
    return interpreter


@pytest.mark.parametrize("target", ["demo", "test", "lint", "bench", "lock", "servers", "schema"])
def test_debian_without_python3_venv_is_told_what_to_install(clone: Path, tmp_path: Path, target: str) -> None:
    # Debian's python3 has the module venv, but ensurepip comes with the package python3-venv.
    python = _python_with(tmp_path, "ensurepip", "raise ImportError('No module named ensurepip')\n")
    done = _make(clone, target, f"PYTHON={python}")
    assert done.returncode != 0
    assert "sudo apt install python3-venv" in done.stderr
    assert not (clone / ".venv").exists()


def test_an_old_python_is_named(clone: Path, tmp_path: Path) -> None:
    python = _python_with(tmp_path, "sitecustomize", "import sys\nsys.version_info = (3, 9, 2, 'final', 0)\n")
    done = _make(clone, "demo", f"PYTHON={python}")
    assert done.returncode != 0
    assert "needs Python 3.11 or later" in done.stderr
    assert "make PYTHON=" in done.stderr


def test_no_python_at_all_is_named(clone: Path) -> None:
    done = _make(clone, "demo", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert "sudo apt install python3 python3-venv" in done.stderr


def test_help_lists_every_command(clone: Path) -> None:
    done = _make(clone)
    assert done.returncode == 0
    listed = re.findall(r"^  make (\w+) ", done.stdout, re.MULTILINE)
    makefile = (clone / "Makefile").read_text("utf-8")
    [phony] = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert sorted(listed) == sorted(phony.split())
    assert {"help", "demo", "test", "lint", "bench", "lock"} <= set(listed)


def test_make_test_runs_servers_lint_and_every_test(clone: Path) -> None:
    (clone / ".venv").mkdir()
    for stamp in (".made", ".dev"):
        (clone / ".venv" / stamp).touch()
    planned = _make(clone, "--dry-run", "test").stdout
    commands = [line.removeprefix("@") for line in planned.splitlines() if not line.startswith("echo")]
    assert commands == [
        ".venv/bin/python tests/servers/provision.py",
        ".venv/bin/ruff check .",
        ".venv/bin/ruff format --check .",
        ".venv/bin/mypy",
        ".venv/bin/lint-imports",
        ".venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder",
    ]


def _tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> None:
    """Leave nothing on PATH but these scripts, and hide the system's own servers."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name, script in scripts.items():
        tool = folder / name.replace("_", "-")
        tool.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("tests.servers.provision._SYSTEM_FOLDERS", ())


def test_missing_servers_without_apt_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _tools(tmp_path, monkeypatch)
    with pytest.raises(
        ServerMissingError, match="mosquitto and influxdb and systemd: not installed, and without apt-get"
    ):
        provision(tmp_path / "servers")


def test_unreachable_package_sources_are_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _tools(tmp_path, monkeypatch, apt_get="echo 'E: the mirror is unreachable'; exit 100", dpkg_deb="exit 0")
    with pytest.raises(ServerMissingError) as caught:
        provision(tmp_path / "servers")
    message = str(caught.value)
    assert "`apt-get -q update` ended with 100" in message
    assert "E: the mirror is unreachable" in message
    assert "sudo apt install mosquitto influxdb systemd" in message


def test_a_source_that_apt_only_warns_of_is_quoted_with_what_fails_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = """case "$*" in
*update*) echo 'W: Failed to fetch the list: Connection refused' ;;
*) echo 'E: Unable to locate package mosquitto'; exit 100 ;;
esac"""
    _tools(tmp_path, monkeypatch, apt_get=fake, dpkg_deb="exit 0")
    with pytest.raises(ServerMissingError) as caught:
        provision(tmp_path / "servers")
    assert "W: Failed to fetch the list: Connection refused" in str(caught.value)
    assert "E: Unable to locate package mosquitto" in str(caught.value)


def test_an_installed_server_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _tools(tmp_path, monkeypatch, mosquitto="echo 'mosquitto version 2.0.18'; exit 1")
    binary = locate(MOSQUITTO, tmp_path / "servers")
    assert (binary.version, binary.library_path) == ("2.0.18", "")


def test_a_server_of_another_generation_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _tools(tmp_path, monkeypatch, mosquitto="echo 'mosquitto version 1.6.9'")
    with pytest.raises(ServerMissingError, match=r"does not serve: mosquitto version 1\.6\.9[^$]*make servers"):
        locate(MOSQUITTO, tmp_path / "servers")


def test_every_program_is_here_and_runs() -> None:
    assert [locate(program).path.name for program in PROGRAMS] == ["mosquitto", "influxd", "systemd-analyze"]
