"""The last good copy of agent.yaml: kept when an agent could be built, found whatever the file looks like now."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigErrors
from edge_agent.shell.last_good import COPY_NAME, config_in_use, keep_last_good, last_good
from edge_agent.shell.loaded import load, load_last_good

GOOD = """\
gateway: tu-chieu-sang-001
state_dir: kept
lines: [{id: bus, kind: tcp, host: 192.0.2.7}]
devices: [{id: meter, profile: eastron-sdm630, line: bus, unit: 1}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "agent.yaml"
    file.write_text(GOOD, "utf-8")
    load(file).keep()
    return file


@pytest.mark.parametrize(
    "broken",
    [
        GOOD.replace("gateway:", "gatewy:"),
        GOOD.replace("unit: 1", "unit: 999"),
        GOOD.replace("line: bus", "line: buss"),
        GOOD.replace("devices: [", "devices: ["[:-1]),
        GOOD + "\tclock: {}\n",
        GOOD.replace("state_dir: kept", 'state_dir: "kept" # on the card') + "}\n",
        '{"gateway": "tu-chieu-sang-001", "state_dir": "kept", "lines": [}',
        "{state_dir: 'kept', ",
    ],
)
def test_whatever_is_mistyped_the_last_good_one_is_found(file: Path, broken: str) -> None:
    good = load(file).config
    file.write_text(broken, "utf-8")
    with pytest.raises(ConfigErrors):
        load(file)
    assert config_in_use(file) == good
    loaded = load_last_good(file, "what is wrong")
    assert (loaded.config, loaded.base, loaded.problem) == (good, file.parent, "what is wrong")
    # What goes on by the copy never becomes the copy's successor.
    before = (file.parent / "kept" / COPY_NAME).read_text("utf-8")
    loaded.keep()
    assert (file.parent / "kept" / COPY_NAME).read_text("utf-8") == before


def test_a_good_file_is_used_itself_and_replaces_the_copy(file: Path) -> None:
    file.write_text(GOOD.replace("unit: 1", "unit: 2"), "utf-8")
    assert config_in_use(file).devices[0].unit == 2
    load(file).keep()
    assert last_good(file)[0].devices[0].unit == 2


def test_the_copy_of_another_file_is_not_taken(file: Path) -> None:
    other = file.with_name("other.yaml")
    other.write_text("gatewy: x\nstate_dir: kept\n", "utf-8")
    with pytest.raises(ConfigErrors) as caught:
        config_in_use(other)
    assert caught.value.problems[0].line == 1


@pytest.mark.parametrize("copy", [None, "", "# The last good copy of elsewhere\n", "no head", "\0\0\0"])
def test_without_a_good_copy_the_file_s_own_findings_are_told(file: Path, copy: str | None) -> None:
    kept = file.parent / "kept" / COPY_NAME
    if copy is None:
        kept.unlink()
    else:
        kept.write_text(copy, "utf-8")
    file.write_text(GOOD.replace("gateway:", "gatewy:"), "utf-8")
    with pytest.raises(ConfigErrors, match="did you mean 'gateway'"):
        config_in_use(file)


def test_a_copy_that_is_no_longer_good_is_not_used(file: Path) -> None:
    kept = file.parent / "kept" / COPY_NAME
    kept.write_text(kept.read_text("utf-8").replace("unit: 1", "unit: 0.5"), "utf-8")
    file.write_text("gatewy: x\nstate_dir: kept\n", "utf-8")
    with pytest.raises(ConfigErrors, match="gatewy"):
        config_in_use(file)


def test_a_disk_that_fails_stops_nothing(file: Path) -> None:
    in_the_way = file.parent / "a-file"
    in_the_way.write_text("", "utf-8")
    keep_last_good(file, GOOD, in_the_way)
    assert in_the_way.read_text("utf-8") == ""
