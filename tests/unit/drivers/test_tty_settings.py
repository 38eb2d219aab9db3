"""What a pseudo-terminal cannot show: the calls that make a break and seven bits with even parity."""

from __future__ import annotations

import fcntl
import os
import pty
import termios
import time
from collections.abc import Iterator
from typing import Any

import pytest

from config.agent import SerialLine
from drivers.base import Wake
from drivers.errors import LineDownError
from drivers.lines.bus import BusTiming
from drivers.lines.serial import TIOCCBRK, TIOCSBRK, TtyPort
from drivers.serial.exchanges import BREAK


@pytest.fixture
def tty_path() -> Iterator[str]:
    master, slave = pty.openpty()
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def sdi12_line(path: str) -> SerialLine:
    return SerialLine(id="sdi", kind="serial", port=path, baud=1200, data_bits=7, parity="E", timeout_s=0.2)


def test_seven_bits_even_parity_are_set_and_checked(tty_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: list[list[Any]] = []
    real = termios.tcsetattr

    def note(descriptor: int, when: int, attributes: list[Any]) -> None:
        settings.append([*attributes])
        real(descriptor, when, attributes)

    monkeypatch.setattr(termios, "tcsetattr", note)
    TtyPort(sdi12_line(tty_path)).close()
    flags = [one[2] for one in settings if one[2] & termios.CSIZE == termios.CS7]
    assert flags, "seven bits were never asked for"
    assert all(flag & termios.PARENB and not flag & (termios.PARODD | termios.CSTOPB) for flag in flags)
    assert settings[-1][4] == settings[-1][5] == termios.B1200
    # A character of wrong parity is read as NUL, which no answer holds.
    assert settings[-1][0] & termios.INPCK
    assert not settings[-1][0] & (termios.IGNPAR | termios.PARMRK | termios.ISTRIP)


def test_eight_bits_without_parity_are_left_unchecked(tty_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: list[list[Any]] = []
    real = termios.tcsetattr

    def note(descriptor: int, when: int, attributes: list[Any]) -> None:
        settings.append([*attributes])
        real(descriptor, when, attributes)

    monkeypatch.setattr(termios, "tcsetattr", note)
    TtyPort(SerialLine(id="bus", kind="serial", port=tty_path)).close()
    assert all(one[2] & termios.CSIZE == termios.CS8 and not one[2] & termios.PARENB for one in settings)
    assert not any(one[0] & termios.INPCK for one in settings)


class Line:
    """The calls on a tty, and a clock that only they move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, refuses: bool = False) -> None:
        self.calls: list[tuple[str, int]] = []
        self.now_ns = 0
        self.refuses = refuses
        real = fcntl.ioctl

        def ioctl(descriptor: int, request: int, *rest: Any) -> Any:
            if request not in (TIOCSBRK, TIOCCBRK):
                return real(descriptor, request, *rest)
            if self.refuses:
                raise OSError(25, "Inappropriate ioctl for device")
            self.calls.append(("break" if request == TIOCSBRK else "mark", self.now_ns // 1000))
            return 0

        monkeypatch.setattr(fcntl, "ioctl", ioctl)
        monkeypatch.setattr(time, "sleep", self._sleep)
        monkeypatch.setattr(time, "monotonic_ns", lambda: self.now_ns)

    def _sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


def test_the_break_is_held_and_ended_by_ioctl(tty_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = TtyPort(sdi12_line(tty_path))
    line = Line(monkeypatch)
    port.wake(BREAK)
    port.close()
    assert [name for name, _ in line.calls] == ["break", "mark"]
    held_us = line.calls[1][1] - line.calls[0][1]
    marked_us = line.now_ns // 1000 - line.calls[1][1]
    assert (held_us, marked_us) == (BREAK.break_us, BREAK.marking_us)
    # SDI-12: at least 12 ms of spacing, 8.33 ms of marking; the command follows before the sensor sleeps at 100 ms.
    assert held_us >= 12_000
    assert 8_330 <= marked_us < 100_000
    assert (TIOCSBRK, TIOCCBRK) == (0x5427, 0x5428)


def test_a_port_that_cannot_break_is_named(tty_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = TtyPort(sdi12_line(tty_path))
    Line(monkeypatch, refuses=True)
    port.wake(Wake(break_us=12_000, marking_us=8_330))
    # As if it were no pseudo-terminal, which has no line to hold.
    port._is_pty = False
    with pytest.raises(LineDownError, match="cannot send a break"):
        port.wake(BREAK)
    port.close()


def test_a_character_of_sdi12_takes_ten_bits() -> None:
    assert BusTiming.of(sdi12_line("/dev/null")).character_us == pytest.approx(10 / 1200 * 1e6)
