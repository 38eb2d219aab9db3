"""What systemd itself says of the units: exposure at most 1.5, every directive known."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.servers.provision import SYSTEMD_ANALYZE, locate

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
UNITS = ("edge-agent.service", "collector.service")
LIMIT_TENTHS = 15


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    tool = locate(SYSTEMD_ANALYZE)
    return subprocess.run(
        [str(tool.path), "--no-pager", *arguments],
        env=tool.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _exposure(unit: Path) -> tuple[float, bool]:
    done = _analyze("security", "--offline=true", f"--threshold={LIMIT_TENTHS}", str(unit))
    found = re.search(rf"exposure level for {re.escape(unit.name)}: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found.group(1)), done.returncode == 0


@pytest.mark.parametrize("name", UNITS)
def test_exposure_is_at_most_one_and_a_half(name: str) -> None:
    exposure, is_below_threshold = _exposure(SYSTEMD / name)
    assert is_below_threshold
    assert exposure <= LIMIT_TENTHS / 10


def test_the_exposure_gate_refuses_a_bare_unit(tmp_path: Path) -> None:
    unit = tmp_path / "bare.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n", "utf-8")
    exposure, is_below_threshold = _exposure(unit)
    assert not is_below_threshold
    assert exposure > 9


@pytest.mark.parametrize("name", UNITS)
def test_systemd_understands_every_line(name: str, tmp_path: Path) -> None:
    unit = tmp_path / name
    text = (SYSTEMD / name).read_text("utf-8")
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    assert _complaints(unit) == []


def test_a_misspelt_directive_is_seen(tmp_path: Path) -> None:
    unit = tmp_path / "misspelt.service"
    unit.write_text("[Service]\nExecStart=/bin/true\nWatchdogSecs=60\n", "utf-8")
    assert len(_complaints(unit)) == 1


def _complaints(unit: Path) -> list[str]:
    # Only what is said of our file: units of the machine, and units it lacks, are not ours.
    done = _analyze("verify", "--man=no", str(unit))
    return [
        line for line in (done.stdout + done.stderr).splitlines() if re.search(rf"{re.escape(unit.name)}:\d+:", line)
    ]
