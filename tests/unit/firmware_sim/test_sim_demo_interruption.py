"""An interrupted demonstration knows of every process that it started."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_sim.demo.interruption import ENDS, Interruption
from firmware_sim.demo.run import Demo

UNUSED: Any = None


@pytest.fixture
def interruption() -> Iterator[Interruption]:
    # Whoever runs the tests in the background may ignore some of them.
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ENDS}
    made = Interruption()
    made.watch()
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDS)
def test_one_signal_interrupts_and_the_next_does_not_hinder_the_end(
    interruption: Interruption, number: signal.Signals
) -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    for later in ENDS:
        signal.raise_signal(later)
    assert [signal.getsignal(later) for later in ENDS] == [signal.SIG_IGN] * 3
    assert interruption._came


def test_under_nohup_a_closed_terminal_does_not_end_it(interruption: Interruption) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interruption.watch()
    signal.raise_signal(signal.SIGHUP)
    assert not interruption._came
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_while_a_process_starts_is_taken_once_it_is_listed(interruption: Interruption) -> None:
    listed = []

    def start() -> None:
        with interruption.held():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            # The process would inherit it, and not hear of the end.
            assert signal.getsignal(signal.SIGTERM) != signal.SIG_IGN
            listed.append("agent")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert listed == ["agent"]


def test_a_process_that_was_started_when_the_signal_came_is_stopped_too(
    interruption: Interruption, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def start_interrupted(*_arguments: object, **_settings: object) -> str:
        signal.raise_signal(signal.SIGTERM)
        return "the process"

    monkeypatch.setattr("firmware_sim.demo.run.subprocess.Popen", start_interrupted)
    demo = Demo(tmp_path, "en", UNUSED, UNUSED, 0.0, UNUSED, interruption)
    with pytest.raises(KeyboardInterrupt):
        demo.start("gw-118", "edge_agent", "run")
    assert list(demo.processes) == ["gw-118"]


def test_a_start_that_fails_says_why_and_holds_nothing_back(interruption: Interruption) -> None:
    with pytest.raises(OSError, match="no such program"), interruption.held():
        raise OSError("no such program")
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGHUP)
