"""`edge-agent check` of lines: names that do not last, one device twice, settings that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli.checking_lines import stable_name
from edge_agent.cli.commands import edge_agent

AGENT = """\
gateway: gw-1
lines:
  - {id: bus, kind: serial, port: PORT}
devices:
  - {id: board, profile: waveshare-relay-d, line: bus}
"""


def check(folder: Path, text: str, language: str = "en") -> tuple[int, str]:
    file = folder / "agent.yaml"
    file.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(edge_agent, ["check", "--config", str(file)], env={"LAMPLIGHTER_LANG": language})
    return result.exit_code, result.output.replace(str(folder), "~")


@pytest.mark.parametrize("port", ["/dev/ttyUSB77", "/dev/ttyACM77"])
@pytest.mark.parametrize(("language", "words"), [("en", "systemd/99-lamplighter-rs485"), ("vi", "hãy ghi tên dưới")])
def test_a_numbered_port_is_told_not_to_last(tmp_path: Path, port: str, language: str, words: str) -> None:
    code, output = check(tmp_path, AGENT.replace("PORT", port), language)
    assert code == 1
    assert "~/agent.yaml:3:35: " in output
    assert words in output


def test_a_name_that_lasts_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "line").touch()
    assert check(tmp_path, AGENT.replace("PORT", f"{tmp_path}/line"))[0] == 0


def test_the_name_that_lasts_is_found(tmp_path: Path) -> None:
    port, folder = tmp_path / "ttyUSB3", tmp_path / "by-path"
    port.touch()
    folder.mkdir()
    assert stable_name(port, [tmp_path / "none", folder]) is None
    (folder / "pci-0-usb-0:2:1.0").symlink_to(port)
    assert stable_name(port, [tmp_path / "none", folder]) == folder / "pci-0-usb-0:2:1.0"


def test_one_device_under_two_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tty").touch()
    (tmp_path / "by-path").symlink_to(tmp_path / "tty")
    second = f"  - {{id: other, kind: serial, port: {tmp_path}/by-path}}\ndevices:"
    code, output = check(tmp_path, AGENT.replace("PORT", f"{tmp_path}/tty").replace("devices:", second))
    assert code == 3
    assert "~/agent.yaml:4:37: error: ~/by-path is the same device as ~/tty of line 'bus'" in output


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("port: /dev/x", "port: /dev//x", "line 'a' already uses /dev/x"),
        ("host: Gate.example.", "host: gate.example, port: 502", "line 'a' already uses gate.example:502"),
        ("host: '::1'", "host: '0:0:0:0:0:0:0:1'", "line 'a' already uses ::1:502"),
        ("host: g, port: 802", "host: g, framing: rtu, port: 802", "line 'a' already uses g:802"),
        ("host: g, port: 802", "host: g, tls: {ca_file: ca.pem}", "line 'a' already uses g:802"),
    ],
)
def test_one_line_for_each_port_and_host_however_it_is_written(
    tmp_path: Path, first: str, second: str, message: str
) -> None:
    kind = "serial" if "/dev" in first else "tcp"
    lines = f"lines:\n  - {{id: a, kind: {kind}, {first}}}\n  - {{id: b, kind: {kind}, {second}}}\n"
    code, output = check(tmp_path, f"gateway: gw-1\n{lines}")
    assert code == 3
    column = f"  - {{id: b, kind: {kind}, {second}}}".index(second) + second.index(": ") + 3
    assert f"~/agent.yaml:4:{column}: " in output
    assert message in output


def test_seven_bits_are_for_ascii(tmp_path: Path) -> None:
    (tmp_path / "tty").touch()
    seven = AGENT.replace("PORT", f"{tmp_path}/tty, data_bits: 7")
    code, output = check(tmp_path, seven)
    assert code == 3
    assert "~/agent.yaml:5:51: error: line 'bus' sends 7 data bits; Modbus RTU needs 8, or set framing: ascii" in output
    assert check(tmp_path, seven.replace("data_bits: 7", "data_bits: 7, framing: ascii"))[0] == 0


def test_a_quiet_pause_belongs_to_frames_without_transaction_ids(tmp_path: Path) -> None:
    line = "{id: bus, kind: tcp, host: 192.0.2.1, quiet_pause_s: 1}"
    code, output = check(tmp_path, AGENT.replace("{id: bus, kind: serial, port: PORT}", line))
    assert code == 3
    assert "quiet_pause_s belongs to framing: rtu" in output
    assert (
        check(tmp_path, AGENT.replace("{id: bus, kind: serial, port: PORT}", line.replace("}", ", framing: rtu}")))[0]
        == 0
    )


def test_files_of_tls_must_be_there(tmp_path: Path) -> None:
    line = "{id: bus, kind: tcp, host: 192.0.2.1, tls: {ca_file: ca.pem, cert_file: own.pem, key_file: own.key}}"
    code, output = check(tmp_path, AGENT.replace("{id: bus, kind: serial, port: PORT}", line))
    assert code == 3
    for name in ("ca.pem", "own.pem", "own.key"):
        assert f"~/{name}" in output
