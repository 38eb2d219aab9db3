"""Rules for every test: nothing is skipped, pure tests touch no network, system tests are marked, all speak English."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Generator

_TESTS = Path(__file__).parent
_PURE_FOLDERS = (_TESTS / "unit", _TESTS / "property")
_SYSTEM_FOLDER = _TESTS / "system"
_NO_SKIP = "a test may not be skipped or expected to fail: make it pass or remove it"


def pytest_configure() -> None:
    """Let programs and child processes speak English, and let no test judge how fast or busy the machine is."""
    os.environ["LAMPLIGHTER_LANG"] = "en"
    settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("any machine")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Close the network to pure tests (Unix sockets stay: an event loop needs one), mark system tests.

    Those come first, in their random order: their files take longest, and the short ones fill the last gaps of the
    workers.
    """
    items.sort(key=lambda item: not item.path.is_relative_to(_SYSTEM_FOLDER))
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in _PURE_FOLDERS):
            item.add_marker(pytest.mark.disable_socket)
        if item.path.is_relative_to(_SYSTEM_FOLDER):
            item.add_marker(pytest.mark.system)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip and an expected failure into a failure, so that the run's exit code is 1."""
    report = yield
    if report.skipped or hasattr(report, "wasxfail"):
        reason = getattr(report, "wasxfail", "") or report.longreprtext
        vars(report).pop("wasxfail", None)
        report.outcome = "failed"
        report.longrepr = f"{_NO_SKIP}\n{item.nodeid}: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a module that skips itself (importorskip) into a collection error."""
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{_NO_SKIP}\n{collector.nodeid}"
    return report
