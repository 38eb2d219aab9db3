"""A slow service is waited for: one that answered after four seconds got the message again and again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from collector.shell.notify_worker import ANSWER_TIMEOUT_S, CONNECT_TIMEOUT_S, SEND_TIMEOUT_S, be_patient

# Apprise tells pictures apart by a module that Python 3.13 no longer has.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture(autouse=True)
def patience_of_others() -> Iterator[None]:
    from apprise import URLBase

    before = URLBase.socket_connect_timeout, URLBase.socket_read_timeout
    yield
    URLBase.socket_connect_timeout, URLBase.socket_read_timeout = before


def request_timeout(url: str) -> tuple[float, float]:
    from apprise import Apprise

    service = Apprise.instantiate(url)
    assert service is not None
    timeout: tuple[float, float] = service.request_timeout
    return timeout


@pytest.mark.parametrize("url", ["json://127.0.0.1/crew", "tgram://123456789:abcdefg_hijklmnop/12315544/"])
def test_an_answer_may_take_nearly_as_long_as_the_whole_exchange(url: str) -> None:
    be_patient()
    assert request_timeout(url) == (CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S)
    assert SEND_TIMEOUT_S > ANSWER_TIMEOUT_S >= 20


def test_a_url_may_say_otherwise() -> None:
    be_patient()
    assert request_timeout("json://127.0.0.1/crew?rto=3&cto=2") == (2.0, 3.0)
