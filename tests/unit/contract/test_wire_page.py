"""docs/wire.md shows the golden samples, and what it tells an integrator is enough to write a decoder and a signer."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from contract.batch import MAX_BATCH_BYTES, MAX_CONFIRM_RANGES, MAX_DEVICES_PER_BATCH, MAX_POINTS_PER_DEVICE
from contract.codec import PayloadError, decode_batch
from contract.command import Command, SetArguments, signature
from contract.reading import BAD_CAUSES, Cause
from contract.schema import MESSAGES

REPOSITORY = Path(__file__).parents[3]
PAGE = (REPOSITORY / "docs" / "wire.md").read_text("utf-8")
SAMPLES = {
    file.stem: file.read_text("utf-8").rstrip("\n") for file in (REPOSITORY / "tests" / "golden" / "wire").iterdir()
}
BATCHES = [name for name in SAMPLES if name.startswith("batch")]


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_every_json_line_of_the_page_is_a_golden_sample() -> None:
    lines = [line for block in _blocks("json") for line in block.splitlines()]
    assert [line for line in lines if line not in SAMPLES.values()] == []
    shown = {name.partition("-")[0] for name, text in SAMPLES.items() if text in lines}
    assert shown == set(MESSAGES)


@pytest.mark.parametrize("name", BATCHES)
def test_the_decoder_of_the_page_gives_the_readings_of_ours(name: str) -> None:
    (source,) = _blocks("python")
    scope: dict[str, Callable[[Any], Iterable[tuple[Any, ...]]]] = {}
    exec(source, scope)  # noqa: S102 - it is the page's own
    theirs = sorted(map(repr, scope["readings"](json.loads(SAMPLES[name]))))
    batch = decode_batch(SAMPLES[name].encode())
    ours = [
        (block.device, *reading.point.split("/")[1:], reading.observed_at_ms, reading.value, str(reading.cause))
        for block in batch.blocks()
        for reading in block.readings()
        if batch.clk != "waiting"
    ]
    assert theirs == sorted(map(repr, ours))


@pytest.mark.parametrize("value", [True, False, 7, -3, 0.5, 1.0, 1e16, 1e-7, "đêm", "it's"])
def test_a_signature_by_the_words_of_the_page_is_ours(value: Any) -> None:
    command = Command(
        id="01M86JHBZ08XAMP1E8F8VXDDN7",
        nonce="n",
        op="set",
        args=SetArguments(point="io/k1", value=value),
        by="soc",
        not_after=1_795_517_130_000,
    )
    texts = ["lamplighter-command-v1", "gw-1", command.id, "n", "set", "io/k1", "", "soc", "1795517130000"]
    texts[6] = f"{type(value).__name__}:{value!r}"
    key = bytes(range(32))
    message = b"".join(len(text.encode()).to_bytes(4, "big") + text.encode() for text in texts)
    assert hmac.new(key, message, hashlib.sha256).hexdigest() == signature(command, "gw-1", key)


def test_the_signed_command_of_the_page_is_that_of_its_gateway_and_key() -> None:
    command = Command.model_validate_json(SAMPLES["command"])
    assert command.mac == signature(command, "gw-pleiku-117", bytes(range(32)))


def test_the_page_names_every_cause_and_whether_a_value_stands() -> None:
    rows = re.findall(r"^\| ((?:`\w+` ?)+) \| (null|stands) \|", PAGE, re.MULTILINE)
    told = {cause: what for causes, what in rows for cause in re.findall(r"`(\w+)`", causes)}
    assert told == {str(c): "null" if c in BAD_CAUSES else "stands" for c in Cause if c is not Cause.OK}


def test_the_page_names_the_bounds_that_hold() -> None:
    assert f"{MAX_BATCH_BYTES // 1024} KiB, {MAX_DEVICES_PER_BATCH} devices, {MAX_POINTS_PER_DEVICE} points" in PAGE
    assert f"{MAX_CONFIRM_RANGES} ranges" in PAGE


def test_a_refused_value_is_told_by_the_bound_it_breaks() -> None:
    live = SAMPLES["batch-live"]
    with pytest.raises(PayloadError, match=r"control\.m\.program\.0\..*at most 256 characters"):
        decode_batch(live.replace("tối/đêm", "x" * 257).encode())


def test_the_want_of_the_page_is_signed_by_the_words_of_the_page() -> None:
    want = json.loads(SAMPLES["want"])
    dropped: dict[tuple[str, ...], Any] = {
        ("program",): "default",
        ("sensors", "failed_after_h"): 24.0,
    }
    calendar = want["desired"]["calendar"]
    for place, default in dropped.items():
        holder = calendar
        for key in place[:-1]:
            holder = holder[key]
        assert holder.pop(place[-1]) == default
    for program in calendar["programs"]:
        for period in program["periods"]:
            if period["level"] == 100:
                del period["level"]
    for rule in calendar["rules"]:
        rule["when"] = {key: entries for key, entries in rule["when"].items() if entries}
        for holiday in rule["when"]["holidays"]:
            del holiday["days_after"]
    text = json.dumps(want["desired"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert json.loads(SAMPLES["want_report"])["hash"] == digest
    texts = ["lamplighter-want-v1", "gw-pleiku-117", "42", "huong", "1795517100000", digest]
    message = b"".join(len(each.encode()).to_bytes(4, "big") + each.encode() for each in texts)
    assert want["mac"] == hmac.new(bytes(range(32)), message, hashlib.sha256).hexdigest()
