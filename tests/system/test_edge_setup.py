"""`edge-agent setup` against simulated boards on a TCP port: shows what differs, writes it, reads it back."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edge_agent.cli.commands import edge_agent
from edge_agent.cli.exit_codes import ExitCode
from firmware_sim.core.cabinet import Cabinet, CabinetDesign
from firmware_sim.core.codec import TcpFramer, pack
from firmware_sim.core.noise import Noise
from firmware_sim.core.server import Device, serve
from firmware_sim.core.waveshare import WaveshareRelayD
from firmware_sim.twins.switching import WaveshareRelay8, WirenBoardMr6cV3
from tests.servers.waiting import free_port


@contextmanager
def listening(device: Device) -> Generator[tuple[int, list[bytes]]]:
    """Serve a device on a port; yields the port and the PDUs that were asked."""
    asked: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            framer = TcpFramer()
            while data := self.request.recv(4096):
                for request in framer.feed(data):
                    asked.append(request.pdu)
                    answer = serve(device, request.pdu, float(len(asked)))
                    assert answer is not None
                    self.request.sendall(pack(request, answer.pdu))

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1], asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def configure(tmp_path: Path) -> Callable[[int, str], Path]:
    def written(port: int, profile: str) -> Path:
        file = tmp_path / "agent.yaml"
        file.write_text(
            "gateway: gw\n"
            f"runtime_dir: {tmp_path}\n"
            f"lines: [{{id: net, kind: tcp, host: 127.0.0.1, port: {port}, timeout_s: 2}}]\n"
            f"devices: [{{id: io, profile: {profile}, line: net}}]\n",
            "utf-8",
        )
        return file

    return written


def setup(file: Path, *options: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(edge_agent, ["setup", "io", "--config", str(file), "--json", *options])
    found: dict[str, Any] = json.loads(result.stdout)
    return result.exit_code, found


def writes(asked: list[bytes]) -> list[bytes]:
    return [pdu for pdu in asked if pdu[0] > 4]


def test_linked_inputs_are_shown_without_writing_and_freed_with_it(configure: Callable[[int, str], Path]) -> None:
    cabinet = Cabinet(CabinetDesign(id="c", input_link=True))
    with listening(WaveshareRelayD(cabinet)) as (port, asked):
        file = configure(port, "waveshare-relay-d")
        code, found = setup(file)
        assert (code, found["ok"], writes(asked)) == (ExitCode.FINDING, False, [])
        assert [(row["setting"], row["found"], row["agrees"]) for row in found["settings"]] == [
            (f"link{number}", 1, False) for number in range(1, 9)
        ]
        code, found = setup(file, "--write")
        assert (code, found["ok"]) == (ExitCode.OK, True)
        assert writes(asked) == [bytes.fromhex(f"06 10 0{channel} 00 00") for channel in range(8)]
        assert cabinet.relay.linked == [False] * 8
        assert setup(file)[0] == ExitCode.OK
        assert len(writes(asked)) == 8


def test_only_what_differs_is_written(configure: Callable[[int, str], Path]) -> None:
    told = {f"safety_behaviour_k{number}": 1.0 for number in range(1, 7)}
    device = WirenBoardMr6cV3(1, Noise(1, "m"), values={**told, "poll_timeout": 5})
    with listening(device) as (port, asked):
        code, found = setup(configure(port, "wirenboard-mr6c-v3"), "--write")
        assert (code, found["written"]) == (ExitCode.OK, ["poll_timeout"])
        assert writes(asked) == [bytes.fromhex("06 00 08 00 3c")]


def test_a_board_of_another_type_is_not_written_to(configure: Callable[[int, str], Path]) -> None:
    with listening(WaveshareRelay8(1, Noise(1, "w"), values={})) as (port, asked):
        code, found = setup(configure(port, "wirenboard-mr6c-v3"), "--write")
        assert (code, writes(asked)) == (ExitCode.REFUSED_FOR_SAFETY, [])
        assert "not the device of its profile" in found["error"]


def test_a_write_that_does_not_hold_ends_the_run(configure: Callable[[int, str], Path]) -> None:
    class Forgetful(WirenBoardMr6cV3):
        def write_words(self, address: int, words: Any, now_s: float) -> None:
            del address, words, now_s

    with listening(Forgetful(1, Noise(1, "f"), values={})) as (port, asked):
        code, found = setup(configure(port, "wirenboard-mr6c-v3"), "--write")
        assert (code, found["ok"], len(writes(asked))) == (ExitCode.FINDING, False, 1)
        first = next(row for row in found["settings"] if row["written"])
        assert (first["setting"], first["after"], first["agrees"]) == ("k1_safety_behaviour", 0, False)


def test_nobody_answers(configure: Callable[[int, str], Path]) -> None:
    assert setup(configure(free_port(), "waveshare-relay-d"))[0] == ExitCode.NO_ANSWER


def test_a_profile_without_settings_and_an_unknown_device_are_told(
    configure: Callable[[int, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = configure(1, "waveshare-relay-8")
    assert setup(file)[0] == ExitCode.USAGE
    monkeypatch.setenv("LAMPLIGHTER_LANG", "vi")
    result = CliRunner().invoke(edge_agent, ["setup", "nobody", "--config", str(file)])
    assert (result.exit_code, "không có thiết bị" in result.stderr) == (ExitCode.USAGE, True)


CHOSEN = "k2_safe_position: {want: 1, reason: tunnel light (Hoa)}, poll_timeout: {want: 120, reason: slow radio link}"


def test_a_cabinet_chooses_its_own_safe_positions(configure: Callable[[int, str], Path]) -> None:
    told = {f"safety_behaviour_k{number}": 1.0 for number in range(1, 7)}
    device = WirenBoardMr6cV3(1, Noise(1, "m"), values={**told, "poll_timeout": 60})
    with listening(device) as (port, asked):
        file = configure(port, f"wirenboard-mr6c-v3, setup: {{{CHOSEN}}}")
        code, found = setup(file)
        differing = {one["setting"]: one["wanted"] for one in found["settings"] if not one["agrees"]}
        assert (code, differing) == (ExitCode.FINDING, {"k2_safe_position": 1, "poll_timeout": 120})
        shown = CliRunner().invoke(edge_agent, ["setup", "io", "--config", str(file)]).stdout
        assert "chosen here: tunnel light (Hoa)" in shown
        assert setup(file, "--write")[0] == ExitCode.OK
        assert writes(asked) == [bytes.fromhex("06 03 a3 00 01"), bytes.fromhex("06 00 08 00 78")]


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ("k7_safe_position: {want: 1, reason: by mistake}", "no point 'k7_safe_position'"),
        ("k1: {want: true, reason: by mistake}", "no point 'k1'"),
        ("k1_safe_position: {want: 2, reason: by mistake}", "out of the range"),
        ("k1_safe_position: {want: true, reason: by mistake}", "does not fit"),
        ("k1_safe_position: {want: 1}", "reason"),
    ],
)
def test_a_choice_that_cannot_be_is_a_mistake_of_the_configuration(
    configure: Callable[[int, str], Path], chosen: str, words: str
) -> None:
    file = configure(free_port(), f"wirenboard-mr6c-v3, setup: {{{chosen}}}")
    code, found = setup(file)
    assert (code, words in found["error"]) == (ExitCode.CONFIG, True), found
    checked = CliRunner().invoke(edge_agent, ["check", "--config", str(file)])
    assert (checked.exit_code, words in checked.stdout) == (ExitCode.CONFIG, True), checked.stdout


@pytest.mark.parametrize(("language", "word"), [("en", "DIFFERS"), ("vi", "KHÁC")])
def test_the_table_names_what_differs_and_why(
    configure: Callable[[int, str], Path], monkeypatch: pytest.MonkeyPatch, language: str, word: str
) -> None:
    monkeypatch.setenv("LAMPLIGHTER_LANG", language)
    with listening(WirenBoardMr6cV3(1, Noise(1, "m"), values={})) as (port, _):
        file = configure(port, "wirenboard-mr6c-v3")
        result = CliRunner().invoke(edge_agent, ["setup", "io", "--config", str(file)])
    rows = [line for line in result.stdout.splitlines() if word in line]
    assert [row.split()[0] for row in rows] == [*(f"k{n}_safety_behaviour" for n in range(1, 7)), "poll_timeout"]
    assert "7" in result.stderr
    # Six relays, one reason: told once.
    assert len([line for line in result.stdout.splitlines() if "k1_safety_behaviour = 1" in line]) == 1


def test_while_the_agent_runs_the_line_is_its_own(
    configure: Callable[[int, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.cli.setting_up.ask", lambda *_: {"gateway": "gw"})
    with listening(WirenBoardMr6cV3(1, Noise(1, "m"), values={})) as (port, asked):
        code, found = setup(configure(port, "wirenboard-mr6c-v3"), "--write")
    assert (code, asked) == (ExitCode.PORT_BUSY, [])
    assert "systemctl stop edge-agent" in found["error"]


def test_a_wanted_value_that_no_register_can_hold_is_a_mistake_of_the_profile(
    configure: Callable[[int, str], Path], tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(
        'profile: mine\nversion: "1"\ndevice_class: relay\nen: a\nvi: b\n'
        "source: {manual: m, page: p, origin: composed, verified_by: manual}\n"
        "setup: [{point: a, want: 0.5, en: w, vi: s}]\n"
        "points: [{key: a, en: a, vi: b, table: holding, address: 0, type: uint16}]\n",
        "utf-8",
    )
    code, found = setup(configure(1, "./mine.yaml"), "--write")
    assert (code, "'a'" in found["error"]) == (ExitCode.CONFIG, True)
