"""`collector lights on` at a terminal of 80x24: it asks for the count and counts the answers where it stands."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from contextlib import ExitStack
from pathlib import Path

from config.language import cells
from contract.command import ResultState
from tests.servers import Mosquitto, wait_until
from tests.system.lights_rig import Centre, StubGateway, cabinet

COUNT = 14


def read_more(terminal: int, shown: bytearray) -> bytes:
    # Nothing to read yet, or EIO: the other end has closed.
    with contextlib.suppress(OSError):
        shown += os.read(terminal, 65_536)
    return bytes(shown)


def test_the_count_is_asked_for_and_answers_are_counted_in_place(mosquitto: Mosquitto, tmp_path: Path) -> None:
    cabinets = [cabinet(number, street="Đường Hùng Vương nối dài đến Quốc lộ 14") for number in range(1, COUNT + 1)]
    centre = Centre(tmp_path, mosquitto.port, cabinets)
    keys = {f"gw-{number}": centre.key_for(f"gw-{number}") for number in range(1, COUNT + 1)}
    centre.start()
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.set_blocking(master, False)
    shown = bytearray()
    with ExitStack() as stack:
        stack.callback(centre.kill)
        gateways = [stack.enter_context(StubGateway(name, mosquitto.port, key)) for name, key in keys.items()]
        for gateway in gateways[:2]:
            gateway.answers["override"] = None
        centre.wait_online(COUNT)
        command = [sys.executable, "-m", "collector", "lights", "off", "--all", "--for", "1h", "--reason", "trial"]
        process = subprocess.Popen(
            [*command, "--config", str(centre.config_file)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ | {"LAMPLIGHTER_LANG": "en", "TERM": "xterm"},
        )
        os.close(slave)
        stack.callback(process.kill)
        wait_until(lambda: f"type {COUNT} to go on: ".encode() in read_more(master, shown), 20, "the question")
        assert not any(gateway.commands for gateway in gateways)
        os.write(master, f"{COUNT}\n".encode())
        wait_until(lambda: f"{COUNT - 2}/{COUNT}".encode() in read_more(master, shown), 20, "the live count")
        order = gateways[0].commands[0].id
        gateways[0].tell(order, ResultState.DONE)
        gateways[1].tell(order, ResultState.FAILED, "did_not_open")
        wait_until(lambda: read_more(master, shown) and process.poll() is not None, 20, "the end")
        read_more(master, shown)
        assert process.returncode == 1
    os.close(master)
    text = shown.decode().replace("\r\n", "\n")
    frames = text.partition("to go on: ")[2].split("\x1b[")
    # Each frame goes back up over the one before, which all fitted the screen.
    ups = [int(up) for up in re.findall(r"\x1b\[(\d+)A", text)]
    assert len(ups) >= 1
    assert max(ups) <= 24
    assert max(cells(line) for frame in frames for line in frame.split("\n")[1:]) <= 80
    assert "done at 13 of 14" in text.rpartition("\x1b[J")[2]
    assert "contactor did not open" in text.rpartition("\x1b[J")[2]
