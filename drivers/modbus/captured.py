r"""What a technician pastes: bytes of a captured frame in any usual spelling, a request and its answer together. Pure.

Known spellings: `01 04 04`, `010404`, `01:04:04`, `01-04`, `0x01,0x04`, `01h 04h`, `[01][04]` and `<01><04>` as
libmodbus and mbpoll print, `0x1 0x4` as pymodbus does, `\x01\x04` and `b'\x01…'` of Python, `:0104…` of
Modbus ASCII; `TX:`, `send`, `>>` and the like before a request, `RX:`, `recv`, `<<` before an answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from config.language import Language
from drivers.errors import DriverError
from drivers.modbus import frames
from drivers.modbus.ascii_frames import END, MAX_ASCII_FRAME
from drivers.modbus.explain_texts import TEXTS

MAX_TEXT: Final = 8_192
"""Longer than a request and its answer in the most talkative spelling."""
_KNOWN: Final = frozenset(TEXTS.keys())
_MARK: Final = re.compile(
    r"(?P<request>>>|->|=>|\b(?:tx|sent|send(?:ing)?|request|query|master)\b)"
    r"|(?P<reply><<|<-|<=|\b(?:rx|recv|received?|reading|repl(?:y|ies)|response|answer|slave)\b)",
    re.IGNORECASE,
)
_PYTHON_BYTES: Final = re.compile(r"""b(?P<quote>['"])(?P<body>(?:\\.|(?!(?P=quote))[^\\])*)(?P=quote)""", re.DOTALL)
_PYTHON_BYTE: Final = re.compile(r"\\x([0-9a-fA-F]{2})|\\(.)|([\x20-\x7e])|.", re.DOTALL)
_ESCAPES: Final = {"t": 9, "n": 10, "r": 13, "'": 39, '"': 34, "\\": 92}
"""Those that Python's own repr writes."""
_BETWEEN: Final = str.maketrans(dict.fromkeys(",;:-[]<>(){}|'\"", " "))
_HEX: Final = frozenset("0123456789abcdef")
_WRITES_SEVERAL: Final = frozenset({frames.WRITE_MULTIPLE_COILS, frames.WRITE_MULTIPLE_REGISTERS})
_LAST_PLAIN_FUNCTION: Final = 6
_MBAP_HEAD: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong or unclear: a key of TEXTS and its facts."""

    key: str
    facts: Mapping[str, object]

    def text(self, language: Language) -> str:
        """Return it as a sentence."""
        facts = {
            name: fact.text(language) if isinstance(fact, DriverError) else fact for name, fact in self.facts.items()
        }
        if self.key == "exception":
            known = f"exception_{facts['found']}"
            facts["meaning"] = TEXTS.text(known if known in _KNOWN else "exception_other", language)
        return TEXTS.text(self.key, language, **facts)


class HexError(ValueError):
    """Text that is not bytes; `problem` says so in both languages."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text("en"))
        self.problem = problem


def _error(key: str, **facts: object) -> HexError:
    return HexError(Problem(key=key, facts=facts))


@dataclass(frozen=True, slots=True)
class Captured:
    """One frame, and the request that it answers if both were pasted."""

    frame: bytes
    request: bytes | None = None


def parse_hex(text: str) -> bytes:
    """Return the bytes of one frame; `:0104…` is an ASCII frame.

    Raises:
        HexError: It is not bytes, or more than a frame can have.
    """
    data = _bytes_of(text)
    if len(data) > (MAX_ASCII_FRAME + 1 if data.startswith(b":") else frames.MAX_TCP_FRAME):
        raise _error("too_long", found=len(data), wanted=frames.MAX_TCP_FRAME)
    return data


def parse_capture(text: str) -> Captured:
    """Return the frame of a text, and its request where the text holds both, marked or one after the other.

    Raises:
        HexError: It is not bytes, more than a frame can have, or more than one request with its answer.
    """
    if len(text) > MAX_TEXT:
        raise _error("too_long", found=len(text), wanted=frames.MAX_TCP_FRAME)
    marked = _marked(text)
    if len(marked) > 2 or [kind for kind, _ in marked] in (["request"] * 2, ["reply"] * 2):
        raise _error("several_frames", found=len(marked))
    if len(marked) == 2:
        parts = dict(marked)
        return Captured(parse_hex(parts["reply"]), parse_hex(parts["request"]))
    text = marked[0][1] if marked else text
    ascii_frames = [f":{part}" for part in text.replace("\\r\\n", " ").split(":")[1:] if _is_ascii_part(part)]
    if len(ascii_frames) == 2 and text.count(":") == 2:
        return Captured(parse_hex(ascii_frames[1]), parse_hex(ascii_frames[0]))
    data = _bytes_of(text)
    cut = _request_length(data)
    if cut:
        return Captured(parse_hex(data[cut:].hex(" ")), data[:cut])
    return Captured(parse_hex(text))


def _marked(text: str) -> list[tuple[Literal["request", "reply"], str]]:
    """Return the parts that stand behind a mark of direction; several marks before the same bytes are one."""
    marks = list(_MARK.finditer(text))
    parts: list[tuple[Literal["request", "reply"], str]] = []
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    for mark, end in zip(marks, ends, strict=False):
        part = text[mark.end() : end]
        if part.strip(" \t\r\n:,;|#.()[]-="):
            kind: Literal["request", "reply"] = "request" if mark["request"] else "reply"
            parts.append((kind, part.strip(" \t\r\n,;|") if part.strip().startswith(":0") else part.strip(" :\t\r\n")))
    return parts


def _is_ascii_part(part: str) -> bool:
    digits = part.strip()
    return len(digits) >= 8 and len(digits) % 2 == 0 and set(digits.lower()) <= _HEX


def _bytes_of(text: str) -> bytes:
    typed = text.strip().removesuffix("\\n").removesuffix("\\r").strip()
    if typed.startswith(":") and not {" ", ",", ":", "-"} & set(typed[1:]):
        if len(typed) > MAX_ASCII_FRAME:
            raise _error("too_long", found=len(typed), wanted=MAX_ASCII_FRAME)
        if len(typed) % 2 == 0 or not typed[1:] or not set(typed[1:].lower()) <= _HEX:
            raise _error("not_hex", found=typed[:16])
        return typed.encode("ascii") + END
    python = _PYTHON_BYTES.fullmatch(typed)
    if python:
        return _python_bytes(python["body"])
    words = text.lower().replace("\\x", " ").translate(_BETWEEN).split()
    # 1 4 4 43: a listing that writes no leading zeros. Where one has them, a single digit is half a byte.
    bare = not any(len(word) == 2 and word.startswith("0") for word in words)
    data = bytearray()
    for word in words:
        digits = word.removeprefix("0x").removesuffix("h") or word
        if len(digits) == 1 and (word.startswith("0x") or bare) and len(words) > 1:
            digits = f"0{digits}"
        if len(digits) % 2 or not set(digits) <= _HEX:
            raise _error("not_hex", found=word[:16])
        data += bytes.fromhex(digits)
        if len(data) > 2 * frames.MAX_TCP_FRAME:
            raise _error("too_long", found=len(data), wanted=frames.MAX_TCP_FRAME)
    return bytes(data)


def _python_bytes(body: str) -> bytes:
    data = bytearray()
    for digits, escaped, plain in _PYTHON_BYTE.findall(body):
        byte = int(digits, 16) if digits else ord(plain) if plain else _ESCAPES.get(escaped)
        if byte is None:
            raise _error("not_hex", found=body[:16])
        data.append(byte)
    return bytes(data)


def _request_length(data: bytes) -> int:
    """Return where a request ends and its answer begins; 0 if the bytes are one frame."""
    if len(data) < 8 or (frames.crc16(data[:-2]) == data[-2:] and not _sound_request(data)):
        return 0
    announced = _MBAP_HEAD + int.from_bytes(data[4:6], "big")
    if data[2:4] == b"\0\0" and _MBAP_HEAD + 2 <= announced < len(data) and data[announced:][:2] == data[:2]:
        return announced
    return _sound_request(data)


def _sound_request(data: bytes) -> int:
    """Return the length of the RTU request that bytes begin with and an answer of its unit follows; 0 if none does."""
    function = data[1]
    size = 9 + data[6] if function in _WRITES_SEVERAL else 8 if 1 <= function <= _LAST_PLAIN_FUNCTION else 0
    rest = data[size:]
    follows = len(rest) >= 2 and rest[0] == data[0] and rest[1] & ~frames.EXCEPTION_BIT == function
    return size if size and follows and frames.crc16(data[: size - 2]) == data[size - 2 : size] else 0
