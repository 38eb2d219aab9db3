"""The agent's transports against the simulator's, on real pseudo-terminals and sockets; TLS with its own authority.

How late answers and every single fault end is counted in virtual time (tests/unit/field/test_counted_faults.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from config.agent import SerialLine, TcpLine
from drivers.base import Line
from drivers.errors import DriverError, LineDownError
from drivers.modbus.driver import ModbusDriver
from drivers.registry import open_line
from firmware_sim.actions import LineSwitch
from firmware_sim.app import Simulator, running
from firmware_sim.core.faults import Fault, FaultName
from firmware_sim.models import SimulatorConfig
from tests.system.authority import Authority
from tests.system.faulty_reads import PROFILE, UNIT, WINDOWS, SystemClock, expected

TIMEOUT_S = 0.4
SERIAL: dict[str, Any] = {"kind": "serial", "baud": 115_200, "timeout_s": TIMEOUT_S, "quiet_pause_s": TIMEOUT_S}
NETWORK: dict[str, Any] = {"kind": "tcp", "host": "127.0.0.1", "timeout_s": TIMEOUT_S}
TRANSPORTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rtu": ({"kind": "rtu", "baud": 115_200}, SERIAL),
    "ascii": (
        {"kind": "rtu", "baud": 115_200, "framing": "ascii", "data_bits": 7, "parity": "E"},
        SERIAL | {"framing": "ascii", "data_bits": 7, "parity": "E"},
    ),
    "tcp": ({"kind": "tcp"}, NETWORK),
    "tls": ({"kind": "tcp"}, NETWORK | {"timeout_s": 5.0}),
    "rtu over tcp": ({"kind": "tcp", "framing": "rtu"}, NETWORK | {"framing": "rtu", "quiet_pause_s": TIMEOUT_S}),
}
FAULTS: tuple[FaultName, ...] = ("wrong_unit", "wrong_function", "too_few", "busy", "noise_after", "twice")
ALLOWED = {"right", "protocol", "refused", "timeout", "line_down"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("tls") / "ca")
    made.sign("device", hosts="IP:127.0.0.1")
    made.sign("elsewhere", hosts="DNS:pump.example")
    made.sign("gw-117")
    return made


@contextmanager
def simulated(line: dict[str, Any]) -> Iterator[Simulator]:
    devices = [{"id": "k", "kind": "counter", "line": "bus", "unit": UNIT, "mode": "fixed"}]
    config = SimulatorConfig.model_validate({"lines": [{"id": "bus", **line}], "devices": devices})
    with running(Simulator(config)) as simulator:
        yield simulator


def opened(simulator: Simulator, settings: dict[str, Any]) -> Line:
    where = simulator.ready()["lines"][0]
    if settings["kind"] == "serial":
        return open_line(SerialLine.model_validate({"id": "bus", "port": where["path"], **settings}), SystemClock())
    return open_line(TcpLine.model_validate({"id": "bus", "port": where["port"], **settings}), SystemClock())


async def read(line: Line, count: int) -> Counter[str]:
    driver = ModbusDriver("k", UNIT, (), PROFILE, line, SystemClock())
    outcomes: Counter[str] = Counter()
    for number in range(count):
        window = WINDOWS[number * 7 % len(WINDOWS)]
        try:
            block = await driver.read(window)
            outcomes["right" if block.values == expected(window) else "wrong"] += 1
        except DriverError as error:
            outcomes[str(error.cause)] += 1
    await line.close()
    return outcomes


@pytest.mark.parametrize("name", TRANSPORTS)
def test_every_transport_reads_right_and_never_wrong(name: str, authority: Authority) -> None:
    served, asked = (dict(settings) for settings in TRANSPORTS[name])
    if name == "tls":
        served |= authority.tls("device")
        asked |= authority.tls("gw-117")
    with simulated(served) as simulator:
        # A machine that stands still for a while makes a time-out of an answer.
        sound = asyncio.run(read(opened(simulator, asked), 60))
        assert sound["wrong"] == 0
        assert sound["right"] >= 40
        station = simulator.world.stations["k"]
        reads, share = (200, 0.05) if name in {"tcp", "tls"} else (60, 0.02)
        for fault in FAULTS:
            station.faults[fault] = Fault(name=fault, share=share)
        faulty = asyncio.run(read(opened(simulator, asked), reads))
        assert faulty["wrong"] == 0
        assert set(faulty) <= ALLOWED
        assert faulty["right"] >= reads // 3
        assert sum(station.counters.faults.values()) > 0


def refusal(served: dict[str, Any], asked: dict[str, Any]) -> LineDownError:
    """Return what a line says that cannot connect, or that is hung up on: TLS 1.3 refuses after the handshake."""

    async def scenario(simulator: Simulator) -> LineDownError:
        line = opened(simulator, NETWORK | {"timeout_s": 10.0} | asked)
        driver = ModbusDriver("k", UNIT, (), PROFILE, line, SystemClock())
        try:
            with pytest.raises(LineDownError) as caught:
                await driver.read(WINDOWS[0])
        finally:
            await line.close()
        return caught.value

    with simulated({"kind": "tcp"} | served) as simulator:
        return asyncio.run(scenario(simulator))


def test_a_device_of_another_authority_is_not_asked(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    stranger.sign("device", hosts="IP:127.0.0.1")
    error = refusal(stranger.tls("device"), authority.tls("gw-117"))
    assert "no TLS connection: " in str(error)
    assert "không lập được kết nối TLS" in error.text("vi")


def test_a_device_of_another_name_is_not_asked(authority: Authority) -> None:
    error = refusal(authority.tls("elsewhere"), authority.tls("gw-117"))
    assert "certificate is not valid for '127.0.0.1'" in str(error)


def test_a_device_turns_away_who_has_no_certificate(authority: Authority) -> None:
    error = refusal(authority.tls("device"), authority.tls())
    assert "127.0.0.1" in str(error)


def test_files_that_do_not_fit_are_named(authority: Authority, tmp_path: Path) -> None:
    tls = authority.tls("gw-117")["tls"]
    for wrong in ({"ca_file": tmp_path / "none.pem"}, {"key_file": authority.folder / "device.key"}):
        error = refusal({}, {"tls": tls | wrong})
        assert "the files of its tls setting cannot be used" in str(error)
        assert str(next(iter(wrong.values()))) in str(error)


def test_a_plain_device_is_not_taken_for_a_secure_one(authority: Authority) -> None:
    assert refusal({}, authority.tls("gw-117") | {"timeout_s": 1.0}).cause == "line_down"


@pytest.mark.parametrize("name", ["rtu", "ascii", "tcp", "rtu over tcp"])
def test_a_line_that_is_unplugged_again_and_again_is_found_again(name: str, tmp_path: Path) -> None:
    served, asked = TRANSPORTS[name]
    link = {"link": str(tmp_path / "ttyBUS")} if served["kind"] == "rtu" else {}

    async def until(line: Line, wanted: str, outcomes: Counter[str]) -> None:
        driver = ModbusDriver("k", UNIT, (), PROFILE, line, SystemClock())
        async with asyncio.timeout(60):
            for number in itertools.count():
                window = WINDOWS[number % len(WINDOWS)]
                try:
                    block = await driver.read(window)
                    outcome = "right" if block.values == expected(window) else "wrong"
                except DriverError as error:
                    outcome = str(error.cause)
                    await asyncio.sleep(0.02)  # the line waits longer than this before it tries again
                outcomes[outcome] += 1
                if outcome == wanted:
                    return

    async def scenario(simulator: Simulator) -> Counter[str]:
        outcomes: Counter[str] = Counter()
        line = opened(simulator, asked)
        for _ in range(3):
            await until(line, "right", outcomes)
            simulator.apply(LineSwitch(do="line_down", line="bus"))
            await until(line, "line_down", outcomes)
            simulator.apply(LineSwitch(do="line_up", line="bus"))
        await until(line, "right", outcomes)
        assert line.counters.opened >= 4
        await line.close()
        return outcomes

    with simulated(served | link) as simulator:
        outcomes = asyncio.run(scenario(simulator))
    assert outcomes["wrong"] == 0
    assert set(outcomes) <= {"right", "line_down", "timeout", "protocol"}


def test_renewed_files_are_taken_without_a_restart(authority: Authority, tmp_path: Path) -> None:
    names = {"ca_file": "ca.crt", "cert_file": "gw-117.crt", "key_file": "gw-117.key"}

    async def scenario(simulator: Simulator) -> None:
        tls = {key: tmp_path / name for key, name in names.items()}
        line = opened(simulator, NETWORK | {"timeout_s": 10.0, "tls": tls})
        driver = ModbusDriver("k", UNIT, (), PROFILE, line, SystemClock())
        with pytest.raises(LineDownError, match="the files of its tls setting cannot be used"):
            await driver.read(WINDOWS[0])
        for name in names.values():
            shutil.copy(authority.folder / name, tmp_path / name)
        async with asyncio.timeout(30):
            while not line.up:
                with contextlib.suppress(LineDownError):
                    await driver.read(WINDOWS[0])
                await asyncio.sleep(0.02)  # the line waits longer than this before it tries again
        assert (await driver.read(WINDOWS[1])).values == expected(WINDOWS[1])
        await line.close()

    with simulated({"kind": "tcp"} | authority.tls("device")) as simulator:
        asyncio.run(scenario(simulator))
