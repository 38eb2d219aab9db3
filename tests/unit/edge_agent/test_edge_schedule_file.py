from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigErrors
from edge_agent.shell.schedule_file import COPY_NAME, ScheduleFile

EVENING = "program: evening\nperiods: [{on: 18:00, off: 22:00}]\n"
NIGHT = "program: night\nperiods: [{on: 18:00, off: 05:00}]\n"


def write(folder: Path, text: str) -> ScheduleFile:
    (folder / "schedule.yaml").write_text(text, "utf-8")
    return ScheduleFile(folder / "schedule.yaml", folder / "state")


def test_a_broken_file_leaves_the_street_to_the_last_good_schedule(tmp_path: Path) -> None:
    assert write(tmp_path, EVENING).load().program == "evening"
    assert write(tmp_path, NIGHT).load().program == "night"
    broken = write(tmp_path, NIGHT.replace("on: 18:00", "on: 25:00"))
    assert broken.load().program == "night"
    assert broken.problem is not None
    assert broken.problem.startswith(f"{tmp_path / 'schedule.yaml'}:2:")
    (tmp_path / "schedule.yaml").unlink()
    assert broken.load().program == "night"
    (tmp_path / "schedule.yaml").write_text(EVENING, "utf-8")
    assert broken.load().program == "evening"
    assert broken.problem is None


@pytest.mark.parametrize("copy", [None, "periods: 7\n"])
def test_without_a_good_copy_a_broken_file_is_refused_at_its_own_place(tmp_path: Path, copy: str | None) -> None:
    if copy is not None:
        (tmp_path / "state").mkdir()
        (tmp_path / "state" / COPY_NAME).write_text(copy)
    with pytest.raises(ConfigErrors, match=r"schedule\.yaml:1:"):
        write(tmp_path, "periods: nothing\n").load()


def test_an_unchanged_schedule_costs_the_flash_no_write(tmp_path: Path) -> None:
    file = write(tmp_path, EVENING)
    file.load()
    before = (tmp_path / "state" / COPY_NAME).stat()
    file.load()
    after = (tmp_path / "state" / COPY_NAME).stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_disk_that_takes_no_copy_darkens_no_street(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    assert write(tmp_path, EVENING).load().program == "evening"
