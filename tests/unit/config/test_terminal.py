"""Long lines of messages go on at a word; nothing of a message is lost."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.language import cells
from config.terminal import for_stream, wrapped

LONG = (
    "/etc/lamplighter/agent.yaml:12:9: there is no line 'tu-chieu-sang-117-bus'; there are: tu-chieu-sang-001-bus,"
    " tu-chieu-sang-002-bus; did you mean 'tu-chieu-sang-001-bus'?"
)


def test_a_long_finding_breaks_between_words() -> None:
    assert wrapped(LONG, 80).split("\n") == [
        "/etc/lamplighter/agent.yaml:12:9: there is no line 'tu-chieu-sang-117-bus';",
        "  there are: tu-chieu-sang-001-bus, tu-chieu-sang-002-bus; did you mean",
        "  'tu-chieu-sang-001-bus'?",
    ]


def test_what_fits_stays_as_it_is() -> None:
    table = "POINT      VALUE\n  meter/u1   229.8 V\n\n"
    assert wrapped(table, 80) == table


def test_a_word_longer_than_the_terminal_stays_whole() -> None:
    path = "/" + "x" * 100
    assert wrapped(f"cannot read {path} now", 80).split("\n") == ["cannot read", f"  {path}", "  now"]


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029")),
    st.integers(20, 120),
)
def test_no_word_is_lost_and_no_line_is_too_long_unless_one_word_is(text: str, width: int) -> None:
    lines = wrapped(text, width).split("\n")
    assert " ".join(lines).split() == text.split()
    assert all(cells(line) <= width or len(line.split(" ")) - line.startswith("  ") * 2 <= 1 for line in lines)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "lines"), [(_Terminal(), 3), (io.StringIO(), 1)])
def test_only_a_terminal_gets_broken_lines(stream: io.StringIO, lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert len(for_stream(LONG, stream).split("\n")) == lines
