"""The systemd files agree with each other, with the commands and with the configuration's defaults."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from config.agent import AgentConfig
from config.collector import CollectorConfig
from edge_agent.app import STOP_TIMEOUT_S

ROOT = Path(__file__).resolve().parents[3]
SYSTEMD = ROOT / "systemd"
SERVICES = {"edge-agent": "lamplighter-agent", "collector": "lamplighter-collector"}


def _directives(unit: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (SYSTEMD / f"{unit}.service").read_text("utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("unit", SERVICES)
def test_unit_runs_the_installed_command(unit: str) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    [command] = _directives(unit)["ExecStart"]
    program, *arguments = command.split()
    assert program == f"/opt/lamplighter/bin/{unit}"
    assert unit in scripts
    assert arguments == ["run", "--config", f"/etc/lamplighter/{unit.removeprefix('edge-')}.yaml"]


@pytest.mark.parametrize("unit", SERVICES)
def test_unit_is_watched_and_always_comes_back(unit: str) -> None:
    directives = _directives(unit)
    assert directives["Type"] == ["notify"]
    assert directives["WatchdogSec"] == ["60"]
    assert directives["Restart"] == ["always"]
    assert directives["StartLimitIntervalSec"] == ["0"]


def test_the_agent_has_the_time_for_its_last_commit() -> None:
    [stop_s] = _directives("edge-agent")["TimeoutStopSec"]
    assert int(stop_s) > 3 * STOP_TIMEOUT_S + 10


def test_a_reload_of_the_agent_is_the_signal_that_it_understands() -> None:
    assert _directives("edge-agent")["ExecReload"] == ["/bin/kill -HUP $MAINPID"]


@pytest.mark.parametrize("unit", SERVICES)
def test_unit_waits_for_nothing_that_may_never_come(unit: str) -> None:
    directives = _directives(unit)
    awaited = " ".join(value for key in ("After", "Requires", "Wants", "BindsTo") for value in directives.get(key, []))
    assert "network-online.target" not in awaited
    assert "time-sync.target" not in awaited
    assert "LoadCredential" not in directives, "a credential file that is missing keeps the service from starting"


@pytest.mark.parametrize("unit", SERVICES)
def test_no_address_is_closed_out_of_the_box(unit: str) -> None:
    directives = _directives(unit)
    assert "IPAddressDeny" not in directives
    assert "#   IPAddressDeny=any" in (SYSTEMD / f"{unit}.service").read_text("utf-8")


def test_state_folders_are_the_configuration_defaults() -> None:
    defaults = {
        "edge-agent": AgentConfig.model_fields["state_dir"].default,
        "collector": CollectorConfig.model_fields["state_dir"].default,
    }
    for unit, default in defaults.items():
        assert [str(default)] == [f"/var/lib/{name}" for name in _directives(unit)["StateDirectory"]]


def test_accounts_of_the_units_are_made() -> None:
    lines = (SYSTEMD / "lamplighter.sysusers").read_text("utf-8").splitlines()
    entries = [line.split() for line in lines if line and not line.startswith("#")]
    users = {entry[1] for entry in entries if entry[0] == "u"}
    members = {(entry[1], entry[2]) for entry in entries if entry[0] == "m"}
    for unit, user in SERVICES.items():
        assert _directives(unit)["User"] == [user]
        assert _directives(unit)["Group"] == [user]
        assert user in users
        assert (user, "lamplighter") in members
    assert ("lamplighter-agent", "dialout") in members
    assert ("lamplighter-collector", "dialout") not in members


def test_folders_of_the_units_are_made_and_secrets_are_closed() -> None:
    lines = (SYSTEMD / "lamplighter.tmpfiles").read_text("utf-8").splitlines()
    modes = {line.split()[1]: line.split()[2:5] for line in lines if line and not line.startswith("#")}
    assert modes["/etc/lamplighter"] == ["0750", "root", "lamplighter"]
    assert modes["/etc/lamplighter/credentials"] == ["0700", "root", "root"]
    for unit in SERVICES:
        text = (SYSTEMD / f"{unit}.service").read_text("utf-8")
        examples = re.findall(r"^#LoadCredential=[\w.-]+:(\S+)/[^/\s]+$", text, re.MULTILINE)
        assert set(examples) == {"/etc/lamplighter/credentials"}


@pytest.mark.parametrize("unit", SERVICES)
def test_what_a_service_writes_is_its_own(unit: str) -> None:
    directives = _directives(unit)
    assert directives["UMask"] == ["0077"]
    assert directives["StateDirectoryMode"] == ["0700"]
    assert directives["RuntimeDirectoryMode"] == ["0700"]


def test_agent_may_ask_which_boot_it_is() -> None:
    # With ProcSubset=pid there is no /proc/sys, and every restart would count as a boot of its own.
    assert _directives("edge-agent")["ProcSubset"] == ["all"]


def _rules() -> list[str]:
    lines = (SYSTEMD / "99-lamplighter-rs485.rules").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_udev_rules_are_well_formed() -> None:
    term = r'[A-Z]+(\{[\w./]+\})?(==|!=|\+=|=)"[^"]*"'
    for rule in _rules():
        assert re.fullmatch(rf"{term}(, {term})*", rule), rule
    jumps = set(re.findall(r'GOTO="(\w+)"', "\n".join(_rules())))
    labels = re.findall(r'LABEL="(\w+)"', "\n".join(_rules()))
    assert jumps == set(labels)
    assert len(labels) == 1


def test_udev_rules_keep_other_programs_off_the_bus() -> None:
    text = "\n".join(_rules())
    assert 'ENV{ID_MM_DEVICE_IGNORE}="1"' in text
    assert 'ENV{ID_MM_PORT_IGNORE}="1"' in text
    assert 'ENV{BRLTTY_BRAILLE_DRIVER}=="?*", ENV{SYSTEMD_WANTS}=""' in text
    assert 'GROUP="dialout"' in text
