"""What every file of the repository keeps: no foreign place, no registry, no name that says nothing."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from config.language import choose_language

ROOT = Path(__file__).resolve().parents[3]
# A letter in brackets matches itself but not this file.
FORBIDDEN_TEXT = {
    "a path of a workplace": re.compile(r"(?<![\w.-])/(work|tmp/w)/|\.librar[y]/|(?<!\w)shared/(tools|domain|anchors)"),
    "a home folder": re.compile(r"/hom[e]/[a-z]\w*/|/roo[t]/\."),
    "a package registry": re.compile(
        r"pyp[i]\.org|pythonhoste[d]\.org|deb\.debia[n]\.org|registry\.npmj[s]\.org|proxy\.golan[g]\.org"
        r"|crate[s]\.io/api|(docker|ghc[r])\.io/|--(extra-)?index[-]url"
    ),
}
NAMES_THAT_SAY_NOTHING = {"manager", "managers", "helper", "helpers", "util", "utils", "common", "misc"}
WAIVER = re.compile(r"#\s*(?:noqa|type:\s*ignore)(?P<codes>[:\[][^\]\s#]*[\],]?(?:\s*[A-Z]+\d+,?)*)?(?P<reason>.*)$")


@cache
def _files() -> tuple[Path, ...]:
    """Tracked files; in an unpacked archive all but hidden folders."""
    if (ROOT / ".git").exists():
        git = shutil.which("git")
        assert git, "git is missing: sudo apt install git"
        command = [git, "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
        return tuple(ROOT / name for name in listed if name and (ROOT / name).is_file())
    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") or name == ".ci"]
        found += [Path(folder, name) for name in names]
    return tuple(found)


def _texts() -> list[tuple[Path, str]]:
    texts: list[tuple[Path, str]] = []
    for path in _files():
        content = path.read_bytes()
        if b"\0" not in content:
            texts.append((path.relative_to(ROOT), content.decode("utf-8")))
    return texts


def _sources() -> list[tuple[Path, str]]:
    return [(path, text) for path, text in _texts() if path.suffix == ".py"]


@pytest.mark.parametrize("what", FORBIDDEN_TEXT)
def test_no_file_names(what: str) -> None:
    found = [
        f"{path}:{number}: {match.group()}"
        for path, text in _texts()
        if path.name != "LICENSE"
        for number, line in enumerate(text.splitlines(), 1)
        if (match := FORBIDDEN_TEXT[what].search(line))
    ]
    assert not found, f"{what} stands in:\n" + "\n".join(found)


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}


def test_modules_and_classes_say_what_they_are() -> None:
    names = [(str(path), part) for path, _ in _sources() for part in path.with_suffix("").parts]
    names += [
        (f"{path}:{node.lineno}", node.name)
        for path, text in _sources()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef)
    ]
    found = [f"{where}: {name}" for where, name in names if _words(name) & NAMES_THAT_SAY_NOTHING]
    assert not found, "name what it does instead:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ConnectionManager", {"connection", "manager"}),
        ("http_utils", {"http", "utils"}),
        ("HTTPLine", {"http", "line"}),
    ],
)
def test_names_are_split_into_words(name: str, words: set[str]) -> None:
    assert _words(name) == words


def test_every_waiver_of_a_rule_names_the_rule_and_the_reason() -> None:
    found = [
        f"{path}:{number}: {line.strip()}"
        for path, text in _sources()
        if path.name != Path(__file__).name
        for number, line in enumerate(text.splitlines(), 1)
        if (match := WAIVER.search(line)) and (not match["codes"] or len(match["reason"].strip(" -#")) < 8)
    ]
    assert not found, "write `# noqa: CODE - why` or `# type: ignore[code] - why`:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("line", "is_complete"),
    [
        ("x = 1  # noqa: S101", False),
        ("x = 1  # noqa", False),
        ("x = 1  # type: ignore[arg-type]", False),
        ("x = 1  # noqa: S101, S102 - the shell is the subject here", True),
        ("x = 1  # type: ignore[arg-type]  # the stub is wrong: bytes are taken", True),
    ],
)
def test_waivers_are_recognised(line: str, is_complete: bool) -> None:
    match = WAIVER.search(line)
    assert match
    assert bool(match["codes"] and len(match["reason"].strip(" -#")) >= 8) is is_complete


@pytest.mark.parametrize(
    "name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "docs/decisions/README.md"]
)
def test_the_documents_of_a_project_exist(name: str) -> None:
    assert len((ROOT / name).read_text("utf-8")) > 300


def test_the_changelog_has_an_unreleased_section() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_decisions_have_their_four_parts() -> None:
    records = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert records
    for record in records:
        text = record.read_text("utf-8")
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings == ["Status", "Context", "Decision", "Consequences"], record.name
        assert len(text.splitlines()) <= 80, f"{record.name}: one page"
        assert re.search(rf"^# {int(record.name[:4])}\. ", text), record.name
    numbers = [record.name[:4] for record in records]
    assert len(set(numbers)) == len(numbers), "two decisions share a number"


def test_ci_runs_make_test_and_nothing_else() -> None:
    lines = (ROOT / ".ci/run").read_text("utf-8").splitlines()
    commands = [line for line in lines if line and not line.startswith("#")]
    assert commands == ['cd "$(dirname "$0")/.." && exec make test']
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_the_tests_do_not_depend_on_the_language_of_whoever_runs_them() -> None:
    assert os.environ["LAMPLIGHTER_LANG"] == "en"
    assert choose_language([], os.environ | {"LC_ALL": "vi_VN.UTF-8", "LANG": "vi_VN.UTF-8"}) == "en"


def test_no_property_depends_on_the_speed_of_the_machine() -> None:
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check
