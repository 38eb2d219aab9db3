"""Fixtures of the system tests: one broker and one database for each test module."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers import Influx, Mosquitto
from tests.servers.left_behind import adopt_orphans, assert_none_left, running_children

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", autouse=True)
def _every_process_ends_with_its_module() -> Iterator[None]:
    adopt_orphans()
    before = set(running_children())
    yield
    assert_none_left(before)


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A running broker, anonymous, shared by the tests of a module."""
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """A running, empty database server, shared by the tests of a module: give each test its own database."""
    with Influx(tmp_path_factory.mktemp("influx")) as database:
        yield database


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A temporary folder whose sockets stay within the 107 bytes of a Unix socket's path, however the tests run."""
    with tempfile.TemporaryDirectory(prefix="city.") as name:
        yield Path(name)
