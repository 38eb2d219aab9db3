"""What a package imports, the installation that ships it declares; a developer's machine has more and hides it."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]
OURS = {"contract", "config", "drivers", "edge_agent", "collector", "firmware_sim", "tests", "bench"}
# Folder: the extras that an installation which runs it has, beside the base.
EXTRAS = {
    "contract": (),
    "config": (),
    "drivers": (),
    "edge_agent": (),
    "collector": ("collector",),
    "firmware_sim": ("sim", "demo"),
    "tests": ("dev",),
    "bench": ("dev",),
}
# Folder: extras that an installation may lack, if whoever imports from them says so to the user.
OPTIONAL = {"contract": ("collector",)}


def _declared(extras: tuple[str, ...]) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names: set[str] = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    waiting = list(extras)
    while waiting:
        for requirement in map(Requirement, project["optional-dependencies"][waiting.pop()]):
            names.add(canonicalize_name(requirement.name))
            if requirement.name == "lamplighter":
                waiting += sorted(requirement.extras)
    return names


def _imported(source: str) -> set[str]:
    """Give the top-level modules that a source imports, wherever in it."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            modules.add(node.module.partition(".")[0])
    return modules


def _guarded(source: str) -> set[str]:
    """Give the top-level modules whose import stands alone under `try` with an answer to ImportError."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Try) and any(
            isinstance(handler.type, ast.Name) and handler.type.id == "ImportError" for handler in node.handlers
        ):
            modules |= _imported("\n".join(map(ast.unparse, node.body)))
    return modules


@pytest.mark.parametrize("folder", EXTRAS)
def test_every_import_is_declared(folder: str) -> None:
    declared = _declared(EXTRAS[folder])
    optional = _declared((*EXTRAS[folder], *OPTIONAL.get(folder, ())))
    distributions = packages_distributions()
    undeclared: list[str] = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        # A test may import its neighbour: pytest puts its folder on the path.
        neighbours = {neighbour.stem for neighbour in path.parent.glob("*.py")}
        source = path.read_text("utf-8")
        guarded = _guarded(source)
        for module in sorted(_imported(source) - sys.stdlib_module_names - OURS - neighbours):
            names = {canonicalize_name(name) for name in distributions.get(module, [module])}
            if not names & (optional if module in guarded else declared):
                undeclared.append(f"{path.relative_to(ROOT)}: {module} ({', '.join(sorted(names))})")
    assert not undeclared, f"not in pyproject.toml for {folder}:\n" + "\n".join(undeclared)


def test_imports_are_found_wherever_they_stand() -> None:
    source = "import a.b\nfrom c.d import e\nfrom . import f\ndef g():\n    import h\n"
    assert _imported(source) == {"a", "c", "h"}


def test_an_import_is_optional_only_with_an_answer_to_its_lack() -> None:
    answered = "try:\n    import a\nexcept ImportError as error:\n    raise Told from error\n"
    ignored = "try:\n    import b\nexcept OSError:\n    pass\nimport c\n"
    assert _guarded(answered + ignored) == {"a"}
