"""The pages name only files that are there and commands that exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from collector.cli import main as collector
from edge_agent.cli.commands import edge_agent
from firmware_sim.cli import main as firmware_sim

ROOT = Path(__file__).resolve().parents[3]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "bench" / "README.md",
]
FOLDERS = "contract|config|drivers|edge_agent|collector|firmware_sim|systemd|tests|bench|docs|locks"
PROGRAMS: dict[str, click.Command] = {"edge-agent": edge_agent, "collector": collector, "firmware-sim": firmware_sim}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_what_a_page_links_to_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    lost = [link for link in links if link and "://" not in link and not (page.parent / link).exists()]
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(rf"`((?:{FOLDERS})/[\w./-]*(?:\.\w+|/))`", page.read_text("utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_the_commands_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    lost = []
    for program, first, second in re.findall(
        r"(?:`|^|\$ |bin/)(edge-agent|collector|firmware-sim) ([a-z0-9]+)(?: ([a-z]+))?", text, re.MULTILINE
    ):
        command = PROGRAMS[program]
        context = click.Context(command, info_name=program)
        assert isinstance(command, click.Group)
        found = command.get_command(context, first)
        if found is None or (isinstance(found, click.Group) and second and found.get_command(context, second) is None):
            lost.append(f"{program} {first} {second}")
    assert lost == []


def test_the_targets_of_make_that_the_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        target
        for page in PAGES
        for target in re.findall(r"(?:`|^)make ([a-z0-9]+)", page.read_text("utf-8"), re.MULTILINE)
    }
    assert named - targets == set()
    assert targets >= {"help", "demo", "test", "lint", "bench", "lock"}
