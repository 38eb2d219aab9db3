"""The rules of tests/conftest.py, on small suites of their own: a skip fails, a pure test has no network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"


def _run_suite(tmp_path: Path, folder: str, source: str, *options: str) -> subprocess.CompletedProcess[str]:
    tests = tmp_path / "tests"
    (tests / folder).mkdir(parents=True)
    shutil.copy(CONFTEST, tests)
    (tests / folder / "test_sample.py").write_text(source, "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = system: real servers\naddopts = --allow-unix-socket\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *options],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


SKIPS = {
    "skip mark": "import pytest\n@pytest.mark.skip(reason='later')\ndef test_a(): pass\n",
    "skipif mark": "import pytest\n@pytest.mark.skipif(True, reason='later')\ndef test_a(): pass\n",
    "skip call": "import pytest\ndef test_a(): pytest.skip('later')\n",
    "skip in a fixture": "import pytest\n@pytest.fixture\ndef f(): pytest.skip('later')\ndef test_a(f): pass\n",
    "expected failure": "import pytest\n@pytest.mark.xfail\ndef test_a(): assert 0\n",
    "expected failure that passes": "import pytest\n@pytest.mark.xfail\ndef test_a(): pass\n",
    "missing import": "import pytest\npytest.importorskip('no_such_module')\ndef test_a(): pass\n",
    "skipped module": "import pytest\npytest.skip('later', allow_module_level=True)\ndef test_a(): pass\n",
    "empty parameters": "import pytest\n@pytest.mark.parametrize('x', [])\ndef test_a(x): pass\n",
    "unittest skip": "import unittest\nclass T(unittest.TestCase):\n  def test_a(self): self.skipTest('later')\n",
}


@pytest.mark.parametrize("kind", SKIPS)
def test_nothing_is_skipped(tmp_path: Path, kind: str) -> None:
    done = _run_suite(tmp_path, "unit", SKIPS[kind])
    assert done.returncode in (1, 2), done.stdout
    assert "a test may not be skipped" in done.stdout
    assert " skipped" not in done.stdout.splitlines()[-1]


PARALLEL = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")


@pytest.mark.parametrize("kind", ["skip call", "expected failure that passes", "skipped module", "empty parameters"])
def test_nothing_is_skipped_by_workers_either(tmp_path: Path, kind: str) -> None:
    done = _run_suite(tmp_path, "unit", SKIPS[kind], *PARALLEL)
    assert done.returncode in (1, 2), done.stdout
    assert "a test may not be skipped" in done.stdout
    assert " skipped" not in done.stdout.splitlines()[-1]


def test_workers_close_the_network_too(tmp_path: Path) -> None:
    done = _run_suite(tmp_path, "unit", OPEN_A_SOCKET, *PARALLEL)
    assert done.returncode == 1
    assert "SocketBlockedError" in done.stdout


def test_a_passing_suite_passes(tmp_path: Path) -> None:
    assert _run_suite(tmp_path, "unit", "def test_a(): pass\n").returncode == 0


OPEN_A_SOCKET = "import socket\ndef test_a(): socket.create_server(('127.0.0.1', 0)).close()\n"


@pytest.mark.parametrize("folder", ["unit", "unit/drivers", "property"])
def test_pure_tests_have_no_network(tmp_path: Path, folder: str) -> None:
    done = _run_suite(tmp_path, folder, OPEN_A_SOCKET)
    assert done.returncode == 1
    assert "SocketBlockedError" in done.stdout


def test_system_tests_have_network_and_are_marked(tmp_path: Path) -> None:
    marked = "def test_b(request): assert request.node.get_closest_marker('system')\n"
    assert _run_suite(tmp_path, "system", OPEN_A_SOCKET + marked).returncode == 0


def test_an_event_loop_runs_in_a_pure_test(tmp_path: Path) -> None:
    source = "import asyncio\nasync def nothing(): pass\ndef test_a(): asyncio.run(nothing())\n"
    assert _run_suite(tmp_path, "unit", source).returncode == 0
