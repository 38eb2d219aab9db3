"""`collector rules test`: alarm rules against the test files beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from collector.cli.options import EXIT_FINDING, ConfigFailure, lang_option
from collector.core.rules_run import findings
from config.errors import ConfigErrors
from config.language import Texts
from config.rules import TEST_SUFFIX, Rule, RuleTest, load_rule, load_rule_test, load_rules, shipped_rules

_TEXTS: Final = Texts(
    {
        "help": ("Alarm rules.", "Các quy tắc báo động."),
        "help_test": (
            "Run the test files of rules. A FILE is a rule or its test file; without one, all rules that are shipped.",
            "Chạy tệp kiểm tra của quy tắc. FILE là quy tắc hoặc tệp kiểm tra; không ghi thì chạy mọi quy tắc có sẵn.",
        ),
        "good": ("{rule}: {count} cases as expected", "{rule}: {count} tình huống đúng như mong đợi"),
        "other_rule": (
            "{file}:1:1: tests '{tests}', but the rule beside it is '{rule}'",
            "{file}:1:1: kiểm tra '{tests}', nhưng quy tắc bên cạnh là '{rule}'",
        ),
    }
)


@click.group(help=_TEXTS.text("help"))
@lang_option
def rules() -> None:
    """Group the commands of alarm rules."""


@rules.command(name="test", help=_TEXTS.text("help_test"))
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
@lang_option
def test_command(files: tuple[Path, ...]) -> None:
    """Run the tests and print what does not come out as they say."""
    try:
        named = [_rule_file(file) for file in files]
        all_rules = _with_shipped(named)
        tests = [_test_of(file) for file in named or shipped_rules()]
    except ConfigErrors as error:
        raise ConfigFailure(str(error)) from error
    found = False
    for test in tests:
        wrong = findings(all_rules, test)
        found |= bool(wrong)
        for line in wrong or [_TEXTS.text("good", rule=test.tests, count=len(test.cases))]:
            click.echo(line)
    if found:
        raise click.exceptions.Exit(EXIT_FINDING)


def _rule_file(file: Path) -> Path:
    return file.with_name(file.name.removesuffix(TEST_SUFFIX) + ".yaml") if file.name.endswith(TEST_SUFFIX) else file


def _with_shipped(named: Sequence[Path]) -> tuple[Rule, ...]:
    """Return the named rules among the shipped ones, in whose place those of the same name stand."""
    names = {load_rule(file).rule for file in named}
    return load_rules([*(file for file in shipped_rules() if file.stem not in names), *named])


def _test_of(file: Path) -> RuleTest:
    test_file = file.with_name(file.stem + TEST_SUFFIX)
    test, rule = load_rule_test(test_file), load_rule(file)
    if test.tests != rule.rule:
        raise ConfigFailure(_TEXTS.text("other_rule", file=test_file, tests=test.tests, rule=rule.rule))
    return test
