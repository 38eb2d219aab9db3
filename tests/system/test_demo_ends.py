"""The demonstration leaves no process behind, however it ends, and takes no other's folder."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.waiting import wait_until


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / ".demo"
    yield folder
    for left in _of(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(left, signal.SIGKILL)


def _start(folder: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "firmware_sim.demo", "--folder", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
        preexec_fn=_listens,  # noqa: PLW1509 - no threads here
    )


def _listens() -> None:
    # A shell that starts a job in the background lets it ignore Ctrl-C, and nohup the loss of its terminal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _of(folder: Path) -> Iterator[int]:
    """Yield the processes that were started with files of a folder."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if f"{folder}/".encode() in arguments:
            yield int(process.name)


def test_ctrl_c_while_modules_are_imported_shows_no_traceback(folder: Path, tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "click.py").write_text("print('importing', flush=True)\nimport time\ntime.sleep(60)\n", "utf-8")
    demo = _start(folder, PYTHONPATH=str(slow))
    assert demo.stdout is not None
    assert demo.stdout.readline() == "importing\n"
    os.kill(demo.pid, signal.SIGINT)
    output, _ = demo.communicate(timeout=30)
    assert (demo.returncode, output) == (130, "\ninterrupted\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_process_is_left_behind(folder: Path, number: signal.Signals) -> None:
    demo = _start(folder)
    wait_until(lambda: len(list(_of(folder))) >= 4, 60, "the parts of the demonstration")
    for _ in range(3):
        if demo.poll() is None:
            os.kill(demo.pid, number)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, output
    assert "Traceback" not in output
    assert output.endswith("interrupted: every process is stopped\n")
    assert list(_of(folder)) == []


def test_a_second_one_leaves_the_first_ones_files_alone(folder: Path) -> None:
    first = _start(folder)
    try:
        wait_until((folder / "collector.yaml").exists, 60, "the files of the first")
        second = _start(folder)
        output, _ = second.communicate(timeout=60)
        assert second.returncode == 1
        assert f"another demonstration runs in {folder}" in output
        assert (folder / "collector.yaml").exists()
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=60)


def test_a_path_too_long_for_sockets_is_named_with_a_way_out(tmp_path: Path) -> None:
    demo = _start(tmp_path / ("x" * 100))
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert "sockets in it allow 87" in output
    assert "--folder /tmp/" in output
