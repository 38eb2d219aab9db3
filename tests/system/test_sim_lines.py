"""The simulator's lines, read by clients that nobody here wrote: pymodbus, pyserial, pyModbusTCP, modbus_tk."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import serial
from click.testing import CliRunner
from modbus_tk import modbus_rtu
from pymodbus import ModbusException
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.pdu import ModbusPDU
from pyModbusTCP.client import ModbusClient

from firmware_sim.app import Simulator, running
from firmware_sim.cli import main
from firmware_sim.core.counter import counter_value, fixed_value
from firmware_sim.core.wire import LineTiming
from firmware_sim.line import RtuLine
from firmware_sim.scenario import load_config
from firmware_sim.tcp import TcpLine
from tests.servers.waiting import wait_until

CONFIG = """\
seed: {seed}
lines:
  - {{id: bus-1, kind: rtu, baud: 9600, link: {folder}/bus-1}}
  - {{id: tcp-1, kind: tcp}}
cabinets:
  - id: c-1
    voltage_v: [231.68489, 229.0, 230.5]
    noise: {noise}
    missing: {missing}
    circuits: [{{id: A, phase: 1, lamps: 24}}, {{id: B, phase: 2, lamps: 20}}]
    devices:
      - {{kind: sdm630, id: meter, line: bus-1, unit: 1}}
      - {{kind: waveshare-relay-d, id: relay, line: bus-1, unit: 2}}
  - id: c-2
    noise: {noise}
    missing: {missing}
    circuits: [{{id: A, phase: 1, lamps: 24}}, {{id: B, phase: 2, lamps: 20}}]
    devices:
      - {{kind: sdm630, id: meter, line: tcp-1, unit: 1}}
      - {{kind: waveshare-relay-d, id: relay, line: tcp-1, unit: 2}}
devices:
  - {{id: k, kind: counter, line: tcp-1, unit: 11, count: 3}}
  - {{id: f, kind: counter, line: bus-1, unit: 21, mode: fixed}}
"""

# These clients carry no annotations.
RTU_MASTER: Any = modbus_rtu.RtuMaster
TCP_CLIENT: Any = ModbusClient


def write_config(folder: Path, *, seed: int = 7, noise: float = 0.0, missing: float = 0.0) -> Path:
    file = folder / "simulator.yaml"
    file.write_text(CONFIG.format(folder=folder, seed=seed, noise=noise, missing=missing), encoding="utf-8")
    return file


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    config = load_config(write_config(tmp_path))
    with running(Simulator(config, journal=tmp_path / "journal")) as started:
        yield started


def bus(simulator: Simulator) -> RtuLine:
    line = simulator.lines["bus-1"]
    assert isinstance(line, RtuLine)
    return line


def port(simulator: Simulator) -> int:
    line = simulator.lines["tcp-1"]
    assert isinstance(line, TcpLine)
    return line.port


@contextmanager
def serial_client(simulator: Simulator) -> Iterator[ModbusSerialClient]:
    client: Any = ModbusSerialClient(bus(simulator).path, baudrate=9600, timeout=2.0, retries=0)
    assert client.connect()
    try:
        yield client
    finally:
        client.close()


@contextmanager
def tcp_client(simulator: Simulator, timeout_s: float = 2.0) -> Iterator[ModbusTcpClient]:
    client: Any = ModbusTcpClient("127.0.0.1", port=port(simulator), timeout=timeout_s, retries=0)
    assert client.connect()
    try:
        yield client
    finally:
        client.close()


def floats(registers: Sequence[int]) -> list[float]:
    return list(struct.unpack(f">{len(registers) // 2}f", struct.pack(f">{len(registers)}H", *registers)))


def checked(reply: ModbusPDU) -> ModbusPDU:
    assert not reply.isError(), reply
    return reply


def actions(simulator: Simulator, *commands: dict[str, Any]) -> None:
    from firmware_sim.control import ControlSocket

    control = ControlSocket(Path("unused"), simulator.apply, simulator.status)
    for command in commands:
        assert control.handle(json.dumps(command).encode()) == {"ok": True}


@pytest.mark.parametrize("kind", ["rtu", "tcp"])
def test_pymodbus_reads_what_the_cabinet_does(simulator: Simulator, kind: str) -> None:
    cabinet = "c-1" if kind == "rtu" else "c-2"
    with serial_client(simulator) if kind == "rtu" else tcp_client(simulator) as client:
        checked(client.write_coil(0, value=True, device_id=2))
        assert client.read_coils(0, count=8, device_id=2).bits[:8] == [True] + [False] * 7
        assert client.read_discrete_inputs(0, count=3, device_id=2).bits[:3] == [True, True, False]
        before = simulator.status()["cabinets"][cabinet]
        seen = floats(checked(client.read_input_registers(0, count=36, device_id=1)).registers)
        after = simulator.status()["cabinets"][cabinet]
    assert seen[0:3] == pytest.approx(before["voltage_v"])
    for phase in range(3):
        # The lamps warm up while the reply travels, so the truth lies between two looks.
        for index, key in ((3, "current_a"), (6, "power_w"), (12, "reactive_var")):
            low, high = sorted((before[key][phase], after[key][phase]))
            assert low - 1e-3 <= seen[index + phase] <= high + 1e-3
    assert seen[6] > 1000.0
    assert seen[8] == 0.0


def test_modbus_tk_reads_the_same_bus(simulator: Simulator) -> None:
    port_ = serial.Serial(bus(simulator).path, 9600, timeout=2.0)
    master = RTU_MASTER(port_)
    master.set_timeout(2.0)
    try:
        assert master.execute(21, 3, 100, 10) == tuple(fixed_value(21, 100 + i) for i in range(10))
        assert floats(master.execute(1, 4, 0, 2)) == pytest.approx([231.68489])
        assert master.execute(2, 2, 0, 8)[0] == 1
    finally:
        master.close()


def test_pymodbustcp_reads_the_same_port(simulator: Simulator) -> None:
    client = TCP_CLIENT(host="127.0.0.1", port=port(simulator), unit_id=12, timeout=2.0, auto_open=True)
    try:
        for number in (1, 2):
            assert client.read_holding_registers(40, 60) == [counter_value(12, 40 + i, number) for i in range(60)]
        assert client.read_holding_registers(9999, 2) is None
        assert client.last_except == 2
    finally:
        client.close()


def exchange(port_: serial.Serial, request: str, size: int) -> bytes:
    port_.write(bytes.fromhex(request))
    return bytes(port_.read(size))


def test_the_recorded_frame_crosses_the_pseudo_terminal_in_the_wires_time(simulator: Simulator) -> None:
    timing = LineTiming(baud=9600)
    with serial.Serial(bus(simulator).path, 9600, timeout=2.0) as port_:
        began_s = time.monotonic()
        reply = exchange(port_, "01 04 00 00 00 02 71 cb", 9)
        took_s = time.monotonic() - began_s
    assert reply.hex(" ") == "01 04 04 43 67 af 55 e2 10"
    # A floor, not a speed: 17 characters and one gap cannot pass sooner.
    assert took_s >= 17 * timing.char_s + timing.gap_s


def test_requests_without_the_gap_are_counted(simulator: Simulator) -> None:
    line = bus(simulator)
    with serial.Serial(line.path, 9600, timeout=2.0) as port_:
        for _ in range(3):
            assert len(exchange(port_, "01 04 00 00 00 02 71 cb", 9)) == 9
            time.sleep(3 * line.config.baud**-1 * 35)
        assert line.counters.early_requests == 0

        def early() -> bool:
            # The gap lasts 3.6 ms; a busy machine may miss it, so a few attempts are given.
            assert len(exchange(port_, "01 04 00 00 00 02 71 cb", 9)) == 9
            return line.counters.early_requests > 0

        wait_until(early, 20.0, "a request inside the gap", poll_interval_s=0.0)


def test_another_speed_is_not_understood(simulator: Simulator) -> None:
    line = bus(simulator)
    with serial.Serial(line.path, 19200, timeout=0.3) as port_:
        assert exchange(port_, "01 04 00 00 00 02 71 cb", 9) == b""
    assert line.counters.wrong_speed == 1
    with serial.Serial(line.path, 9600, timeout=2.0) as port_:
        assert len(exchange(port_, "01 04 00 00 00 02 71 cb", 9)) == 9


def test_units_that_are_not_there_and_broken_frames_get_no_answer(simulator: Simulator) -> None:
    line = bus(simulator)
    with serial.Serial(line.path, 9600, timeout=0.3) as port_:
        assert exchange(port_, "01 04 00 00 00 02 71 cc", 9) == b""
        assert exchange(port_, "63 04 00 00 00 02 79 89", 9) == b""
    assert (line.counters.bad_frames, line.counters.foreign_unit) == (1, 1)
    with tcp_client(simulator, 0.3) as client, pytest.raises(ModbusException):
        client.read_input_registers(0, count=2, device_id=99)


def test_mains_lost_silences_the_meter_and_not_the_board(simulator: Simulator) -> None:
    actions(simulator, {"do": "mains_lost", "cabinet": "c-2"})
    with tcp_client(simulator) as client:
        assert checked(client.read_discrete_inputs(0, count=1, device_id=2)).bits[0] is False
    with tcp_client(simulator, 0.3) as client, pytest.raises(ModbusException):
        client.read_input_registers(0, count=2, device_id=1)
    actions(simulator, {"do": "mains_restored", "cabinet": "c-2"})
    with tcp_client(simulator) as client:
        assert checked(client.read_discrete_inputs(0, count=1, device_id=2)).bits[0] is True
    wait_until(lambda: meter_answers(simulator), 10.0, "the meter after its start")


def meter_answers(simulator: Simulator) -> bool:
    with tcp_client(simulator, 0.3) as client:
        try:
            return not client.read_input_registers(0, count=2, device_id=1).isError()
        except ModbusException:
            return False


def receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            break
        data += piece
    return data


def test_late_answers_on_tcp_keep_the_order_of_their_requests(simulator: Simulator) -> None:
    actions(simulator, {"do": "fault", "device": "k-11", "fault": "late", "delay_s": 0.3})
    with socket.create_connection(("127.0.0.1", port(simulator)), 5.0) as connection:
        began_s = time.monotonic()
        connection.sendall(bytes.fromhex("0001 0000 0006 0b 03 0000 0001 0002 0000 0006 0c 03 0000 0001"))
        first, second = receive(connection, 11), receive(connection, 11)
        took_s = time.monotonic() - began_s
    assert (first[:2], second[:2]) == (b"\x00\x01", b"\x00\x02")
    assert took_s >= 0.3


def test_a_disconnect_fault_and_a_broken_stream_end_the_connection(simulator: Simulator) -> None:
    actions(simulator, {"do": "fault", "device": "k-11", "fault": "disconnect"})
    for data in (bytes.fromhex("0001 0000 0006 0b 03 0000 0001"), b"GET / HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port(simulator)), 5.0) as connection:
            connection.sendall(data)
            try:
                assert connection.recv(100) == b""
            except ConnectionResetError:
                continue
    line = simulator.lines["tcp-1"]
    assert isinstance(line, TcpLine)
    assert line.counters.broken_streams == 1


def test_a_port_closes_and_comes_back_as_it_was(simulator: Simulator) -> None:
    number = port(simulator)
    with tcp_client(simulator) as client:
        assert not client.read_coils(0, count=8, device_id=2).isError()
        actions(simulator, {"do": "line_down", "line": "tcp-1"})
        wait_until(lambda: not listens(number), 10.0, "the port to close")
        with pytest.raises(ModbusException):
            checked(client.read_coils(0, count=8, device_id=2))
    actions(simulator, {"do": "line_up", "line": "tcp-1"})
    wait_until(lambda: listens(number), 10.0, "the port to open")
    assert port(simulator) == number
    with tcp_client(simulator) as client:
        assert not client.read_coils(0, count=8, device_id=2).isError()


def listens(number: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", number), 1.0).close()
    except ConnectionError:
        # Refused, or reset while the port was closing.
        return False
    return True


def test_an_adapter_is_unplugged_and_its_link_comes_back(simulator: Simulator, tmp_path: Path) -> None:
    link = tmp_path / "bus-1"
    with serial.Serial(str(link), 9600, timeout=2.0) as port_:
        assert len(exchange(port_, "01 04 00 00 00 02 71 cb", 9)) == 9
        actions(simulator, {"do": "line_down", "line": "bus-1"})
        wait_until(lambda: not link.is_symlink(), 10.0, "the link to go")
        with pytest.raises(serial.SerialException):
            exchange(port_, "01 04 00 00 00 02 71 cb", 9)
    actions(simulator, {"do": "line_up", "line": "bus-1"}, {"do": "line_up", "line": "bus-1"})
    wait_until(link.is_symlink, 10.0, "the link to come back")
    with serial.Serial(str(link), 9600, timeout=2.0) as port_:
        assert len(exchange(port_, "01 04 00 00 00 02 71 cb", 9)) == 9
    assert bus(simulator).counters.requests == 2


def test_the_journal_holds_what_the_client_got(simulator: Simulator, tmp_path: Path) -> None:
    got: list[tuple[str, int, list[int]]] = []
    with tcp_client(simulator) as client:
        for address in range(0, 50, 10):
            for unit in (11, 12, 13):
                registers = checked(client.read_holding_registers(address, count=10, device_id=unit)).registers
                got.append((f"k-{unit}", address, list(registers)))
        got.append(("c-2/relay", 0, [int(bit) for bit in client.read_coils(0, count=8, device_id=2).bits[:8]]))
        client.read_holding_registers(9999, count=2, device_id=11)
    lines = [json.loads(line) for line in (tmp_path / "journal").read_text(encoding="utf-8").splitlines()]
    assert [(line["device"], line["address"], line["values"]) for line in lines] == got
    assert all(line["fault"] is None for line in lines)
    assert abs(lines[-1]["t"] / 1000 - time.time()) < 60


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_noise_and_missing_samples_are_seeded(tmp_path: Path, seed: int) -> None:
    runs = []
    for _ in range(2):
        config = load_config(write_config(tmp_path, seed=seed, noise=0.02, missing=0.05))
        with running(Simulator(config)) as simulator:
            runs.append(voltages(port(simulator), 2000))
    first, second = runs
    assert first == second
    present = [value for value in first if value is not None]
    assert 60 <= first.count(None) <= 140
    mean = sum(present) / len(present)
    sigma = math.sqrt(sum((value - mean) ** 2 for value in present) / len(present))
    assert mean == pytest.approx(230.0, rel=0.003)
    assert sigma == pytest.approx(0.02 * 230.0, rel=0.1)


def voltages(port_number: int, count: int) -> list[float | None]:
    """Ask `count` times without waiting, then sort the answers by transaction: missing ones are None."""
    found: list[float | None] = [None] * count
    with socket.create_connection(("127.0.0.1", port_number), 5.0) as connection:
        for number in range(count):
            connection.sendall(struct.pack(">HHHBBHH", number, 0, 6, 1, 4, 0, 2))
        # The relay board misses nothing, so its answer marks the end.
        connection.sendall(struct.pack(">HHHBBHH", count, 0, 6, 2, 1, 0, 1))
        while True:
            head = receive(connection, 6)
            transaction, _, length = struct.unpack(">HHH", head)
            body = receive(connection, length)
            if transaction == count:
                return found
            found[transaction] = struct.unpack(">f", body[3:])[0]


class Process:
    """`firmware-sim run` as its user starts it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.ready_file = folder / "ready.json"
        self.control = folder / "control"
        command = [sys.executable, "-c", "from firmware_sim.cli import main; main()", "--lang", "en", "run"]
        self._process = subprocess.Popen(
            [*command, *arguments, "--ready-file", str(self.ready_file), "--control", str(self.control)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> dict[str, Any]:
        wait_until(lambda: self.ready_file.exists() or self._process.poll() is not None, 30.0, "the ready file")
        ready: dict[str, Any] = json.loads(self.ready_file.read_text(encoding="utf-8"))
        return ready

    def ask(self, **command: object) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rw") as stream:
            connection.settimeout(10.0)
            connection.connect(str(self.control))
            stream.write(json.dumps(command) + "\n")
            stream.flush()
            answer: dict[str, Any] = json.loads(stream.readline())
            return answer

    def end(self, number: int | None = None) -> tuple[int, str, str]:
        if number is not None:
            self._process.send_signal(number)
        try:
            out, err = self._process.communicate(timeout=30.0)
        finally:
            self._process.kill()
        return self._process.returncode, out, err


def command(control: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["control", str(control), *words], env={"LAMPLIGHTER_LANG": "en"})
    return result.exit_code, result.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_its_scenario_and_stops_cleanly(tmp_path: Path, number: int) -> None:
    config = write_config(tmp_path)
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(
        "steps:\n  - {at_s: 0.2, cabinet: c-1, do: mains_lost}\n  - {at_s: 0.1, cabinet: c-2, do: door_open}\n",
        encoding="utf-8",
    )
    process = Process(tmp_path, str(config), "--scenario", str(scenario))
    try:
        ready = process.ready()
        rtu, tcp = ready["lines"]
        assert rtu["path"] == str(tmp_path / "bus-1")
        assert Path(rtu["path"]).is_symlink()
        assert tcp["port"] > 0

        def happened() -> bool:
            cabinets = process.ask(do="status")["cabinets"]
            return cabinets["c-2"]["door_open"] and not cabinets["c-1"]["mains_ok"]

        wait_until(happened, 20.0, "both steps of the scenario")
        assert process.ask(do="mains_restored", cabinet="c-1") == {"ok": True}
        assert process.ask(do="status")["cabinets"]["c-1"]["mains_ok"] is True
        assert process.ask(do="explode")["ok"] is False
        assert command(process.control, "voltage", "cabinet=c-2", "phase=2", "voltage_v=262") == (0, "done\n")
        assert process.ask(do="status")["cabinets"]["c-2"]["voltage_v"] == [230.0, 262.0, 230.0]
        code, shown = command(process.control, "status")
        assert code == 0
        assert json.loads(shown)["cabinets"]["c-2"]["voltage_v"] == [230.0, 262.0, 230.0]
        assert command(process.control, "voltage", "cabinet=c-9", "voltage_v=1") == (2, "")
    finally:
        code, out, err = process.end(number)
    assert (code, err) == (0, "")
    assert f"line tcp-1: 127.0.0.1 port {tcp['port']}" in out
    assert out.splitlines()[-1] == "stopped"
    assert not (tmp_path / "bus-1").is_symlink()
    assert not process.control.exists()


def test_a_taken_port_and_a_taken_path_end_the_command_with_1(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        text = config.read_text(encoding="utf-8").replace("kind: tcp}", f"kind: tcp, port: {number}}}")
        config.write_text(text, encoding="utf-8")
        code, _, err = Process(tmp_path, str(config)).end()
        assert (code, err) == (1, f"line tcp-1 (127.0.0.1:{number}) cannot be opened: another program uses it\n")
    write_config(tmp_path)
    (tmp_path / "bus-1").write_text("a file of somebody", encoding="utf-8")
    code, _, err = Process(tmp_path, str(config)).end()
    assert code == 1
    assert "bus-1" in err
    assert (tmp_path / "bus-1").read_text(encoding="utf-8") == "a file of somebody"


def test_the_command_speaks_vietnamese_throughout() -> None:
    command = [sys.executable, "-m", "firmware_sim", "--lang", "vi"]
    help_text = subprocess.run([*command, "run", "--help"], capture_output=True, text=True, check=True).stdout
    assert "Cách dùng:" in help_text
    assert "Hiện trợ giúp này rồi thoát." in help_text
    refused = subprocess.run([*command, "dance"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "Không có lệnh 'dance'." in refused.stderr


def test_a_second_simulator_takes_nothing_from_the_first(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    first = Process(tmp_path, str(config))
    try:
        first.ready()
        code, _, err = Process(tmp_path, str(config)).end()
        assert (code, err) == (
            1,
            f"{tmp_path}/bus-1 belongs to another running simulator: stop that one, or choose another 'link'\n",
        )
        unlinked = tmp_path / "unlinked.yaml"
        unlinked.write_text(config.read_text(encoding="utf-8").replace(f", link: {tmp_path}/bus-1", ""))
        code, _, err = Process(tmp_path, str(unlinked)).end()
        assert (code, err) == (
            1,
            f"the control socket {first.control} cannot be opened: another program uses it\n",
        )
        assert first.ask(do="status")["ok"] is True
        with serial.Serial(str(tmp_path / "bus-1"), 9600, timeout=2.0) as port_:
            assert len(exchange(port_, "01 04 00 00 00 02 71 cb", 9)) == 9
    finally:
        first.end(signal.SIGKILL)
    # What a killed one leaves behind is in nobody's way.
    assert (tmp_path / "bus-1").is_symlink()
    first.ready_file.unlink()
    again = Process(tmp_path, str(config))
    try:
        again.ready()
        assert again.ask(do="status")["ok"] is True
    finally:
        assert again.end(signal.SIGTERM)[0] == 0


def test_a_host_that_reads_nothing_stops_neither_its_line_nor_another(simulator: Simulator) -> None:
    line = bus(simulator)
    actions(simulator, {"do": "fault", "device": "f", "fault": "babble"})
    descriptor = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
    try:
        # 200 bytes each: more than the terminal's buffer of 4096 holds.
        for count in range(1, 26):
            os.write(descriptor, bytes.fromhex("15 03 00 00 00 01 87 1e"))
            wait_until(lambda wanted=count: line.counters.sent_bytes >= 200 * wanted, 10.0, "the babble")  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    finally:
        os.close(descriptor)
    actions(simulator, {"do": "clear_fault", "device": "f"})
    with serial.Serial(line.path, 9600, timeout=2.0) as port_:
        port_.reset_input_buffer()
        assert len(exchange(port_, "01 04 00 00 00 02 71 cb", 9)) == 9
    with tcp_client(simulator) as client:
        assert not client.read_input_registers(0, count=2, device_id=1).isError()
