"""What blocks say survives the wire exactly, and no bytes do harm on the way in."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from contract.batch import (
    EARLIEST_MS,
    GREATEST_INTEGER,
    LEAST_INTEGER,
    MAX_CONFIRM_RANGES,
    MAX_TEXT_LENGTH,
    ClockState,
    Confirm,
    Priority,
    ranges_of,
)
from contract.codec import (
    MAX_DEPTH,
    PayloadError,
    batch_body,
    columns,
    decode,
    decode_batch,
    encode,
    stamped,
)
from contract.command import (
    Command,
    LampTestArguments,
    OverrideArguments,
    PermitArguments,
    ReadArguments,
    ReleaseArguments,
    SetArguments,
    signature,
    signature_agrees,
)
from contract.command_arguments import ARGUMENTS, Arguments, Operation
from contract.reading import BAD_CAUSES, Block, Cause, Reading, Value
from contract.schema import MESSAGES

NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True)
FEW_NAMES = st.sampled_from(["meter", "io", "a", "0-_"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=MAX_TEXT_LENGTH)
FITTING: st.SearchStrategy[Value] = st.one_of(
    st.booleans(),
    st.integers(LEAST_INTEGER, GREATEST_INTEGER),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
)
UNCERTAIN = [cause for cause in Cause if cause not in BAD_CAUSES and cause is not Cause.OK]
MODELS = [message.model for message in MESSAGES.values()]
Sample = tuple[Value | None, Cause | None]
SAMPLES: st.SearchStrategy[Sample] = st.one_of(
    st.tuples(FITTING, st.none()),
    st.tuples(FITTING, st.sampled_from(UNCERTAIN)),
    st.tuples(st.none(), st.sampled_from(sorted(BAD_CAUSES))),
)


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    samples = draw(st.dictionaries(FEW_NAMES, SAMPLES, min_size=1, max_size=4))
    return Block(
        device=draw(FEW_NAMES),
        observed_at_ms=EARLIEST_MS + draw(st.integers(0, 12)),
        keys=tuple(samples),
        values=tuple(value for value, _ in samples.values()),
        causes={key: cause for key, (_, cause) in samples.items() if cause is not None},
    )


def _compose(given_blocks: list[Block]) -> bytes:
    body = batch_body(
        epoch="0" * 32,
        seq=1,
        priority=Priority.NORMAL,
        clock=ClockState.SYNCED,
        device_columns=columns(given_blocks),
    )
    return stamped(body, sent_ms=EARLIEST_MS + 100, lowest_seq=1)


def _exact(value: Value | None) -> tuple[str, str]:
    """Return a value so that True, 1 and 1.0 differ, and 0.0 and -0.0."""
    return type(value).__name__, repr(value)


def _told(given_blocks: list[Block]) -> Mapping[tuple[str, int], tuple[tuple[str, str], Cause]]:
    """Return the readings of blocks by point and time, the later over the earlier."""
    readings: list[Reading] = [reading for block in given_blocks for reading in block.readings()]
    return {(reading.point, reading.observed_at_ms): (_exact(reading.value), reading.cause) for reading in readings}


@given(st.lists(blocks(), max_size=25))
def test_every_reading_crosses_the_wire_exactly(given_blocks: list[Block]) -> None:
    received = list(decode_batch(_compose(given_blocks)).blocks())
    assert _told(received) == _told(given_blocks)
    places = [(block.device, block.observed_at_ms) for block in received]
    assert len(set(places)) == len(places)
    for device in {block.device for block in received}:
        times = [block.observed_at_ms for block in received if block.device == device]
        assert times == sorted(times)


@given(st.lists(blocks(), max_size=25))
def test_reading_count_is_the_number_of_readings(given_blocks: list[Block]) -> None:
    assert decode_batch(_compose(given_blocks)).reading_count() == len(_told(given_blocks))


@given(
    st.one_of(
        st.sampled_from([math.nan, math.inf, -math.inf, 2**63, -(2**63) - 1, 2**200, "\ud800", "đ" * 257]),
        st.floats(),
        st.integers(),
        st.text(max_size=300),
    )
)
def test_what_cannot_travel_arrives_as_bad_and_never_spoils_its_batch(value: Value) -> None:
    block = Block(device="io", observed_at_ms=EARLIEST_MS, keys=("a", "b"), values=(value, 7))
    a, b = next(decode_batch(_compose([block])).blocks()).readings()
    assert (b.value, b.cause) == (7, Cause.OK)
    assert (a.value, a.cause) in {(value, Cause.OK), (None, Cause.RANGE)}
    if isinstance(value, float):
        assert (a.cause is Cause.OK) == math.isfinite(value)


@given(st.binary(max_size=400), st.sampled_from(MODELS))
@example(b"\xef\xbb\xbf{}", MODELS[0])
@example(b"", MODELS[0])
@example(b"null", MODELS[0])
def test_any_bytes_give_a_message_or_a_payload_error(payload: bytes, model: type[BaseModel]) -> None:
    assert _kind(payload, model) in {"", "oversized", "nested", "not_json", "invalid"}


def _kind(payload: bytes, model: type[BaseModel]) -> str:
    """Return why a payload is refused, or nothing if it is a message."""
    try:
        message = decode(payload, model)
    except PayloadError as error:
        return error.kind
    return "" if isinstance(message, model) else "no message"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
NEARLY_A_BATCH = st.fixed_dictionaries(
    {
        "v": st.just(1) | JSON,
        "epoch": st.just("0" * 32) | JSON,
        "seq": st.just(1) | JSON,
        "pri": st.just("normal") | JSON,
        "clk": st.just("synced") | JSON,
        "d": JSON
        | st.fixed_dictionaries(
            {
                "meter": st.fixed_dictionaries(
                    {
                        "t0": st.just(EARLIEST_MS) | JSON,
                        "dt": st.just([0, 5]) | JSON,
                        "m": st.dictionaries(FEW_NAMES, st.lists(JSON, min_size=1, max_size=3)),
                        "q": JSON
                        | st.dictionaries(
                            FEW_NAMES,
                            st.lists(
                                st.tuples(st.integers(-1, 3), st.integers(-1, 3), st.sampled_from([*Cause, "x"])),
                                max_size=3,
                            ),
                        ),
                    }
                )
            }
        ),
    }
)


@settings(max_examples=300)
@given(NEARLY_A_BATCH)
def test_a_batch_that_decodes_can_be_read_to_its_last_reading(data: object) -> None:
    payload = orjson.dumps(_without_surrogates(data), option=orjson.OPT_NON_STR_KEYS)
    try:
        batch = decode_batch(payload)
    except PayloadError:
        return
    assert batch.reading_count() == sum(1 for block in batch.blocks() for _ in block.readings())


def _without_surrogates(data: object) -> object:
    if isinstance(data, str):
        return data.encode("utf-8", "replace").decode()
    if isinstance(data, int) and not isinstance(data, bool):
        return max(-(2**63), min(2**64 - 1, data))
    if isinstance(data, dict):
        return {_without_surrogates(key): _without_surrogates(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_without_surrogates(item) for item in data]
    return data


def _depth(data: object) -> int:
    if isinstance(data, dict):
        return 1 + max((_depth(value) for value in data.values()), default=0)
    if isinstance(data, list):
        return 1 + max((_depth(item) for item in data), default=0)
    return 0


@given(st.integers(1, 60), st.text(']}[{"\\,', max_size=40), st.booleans(), st.text(']}[{"\\,', max_size=40))
def test_the_depth_is_that_of_the_values_whatever_their_texts_hold(
    depth: int, text: str, as_dict: bool, key: str
) -> None:
    data: object = text
    for _ in range(depth):
        data = {key: data} if as_dict else [text, data]
    data = [text, data]
    assert _kind(orjson.dumps(data), Confirm) == ("nested" if _depth(data) > MAX_DEPTH else "invalid")


@given(
    st.dictionaries(
        st.from_regex(r"[0-9a-f]{32}", fullmatch=True), st.sets(st.integers(1, 2**53), max_size=8), max_size=8
    )
)
def test_a_confirm_lists_exactly_what_was_stored(stored: dict[str, set[int]]) -> None:
    confirm = decode(encode(Confirm.of(stored)), Confirm)
    assert {epoch: ranges for epoch, ranges in confirm.ok.items() if ranges} == {
        epoch: ranges_of(numbers) for epoch, numbers in stored.items() if numbers
    }
    assert sum(map(len, confirm.ok.values())) <= MAX_CONFIRM_RANGES


@given(st.sets(st.integers(0, 80)))
def test_ranges_are_the_fewest_that_hold_the_numbers(numbers: set[int]) -> None:
    ranges = ranges_of(numbers)
    assert {number for first, last in ranges for number in range(first, last + 1)} == numbers
    assert all(after[0] > before[1] + 1 for before, after in itertools.pairwise(ranges))


ULIDS = st.from_regex(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", fullmatch=True)
POINTS = st.tuples(NAMES, NAMES).map("/".join)
COMMANDS = st.builds(
    Command,
    id=ULIDS,
    nonce=st.text(st.characters(exclude_categories=["Cs"]), max_size=64),
    op=st.just("set"),
    args=st.builds(SetArguments, point=POINTS, value=FITTING),
    by=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64),
    not_after=st.integers(0, 2**41),
)
KEYS = st.binary(min_size=32, max_size=64)


@given(COMMANDS, COMMANDS, NAMES, NAMES, KEYS, KEYS, st.data())
def test_a_signature_changes_with_every_field_the_gateway_and_the_key(
    command: Command,
    other: Command,
    gateway: str,
    other_gateway: str,
    key: bytes,
    other_key: bytes,
    data: st.DataObject,
) -> None:
    signed = command.model_copy(update={"mac": signature(command, gateway, key)})
    assert signature_agrees(decode(encode(signed), Command), gateway, key)
    field = data.draw(st.sampled_from(["id", "nonce", "args", "by", "not_after"]))
    changed = signed.model_copy(update={field: getattr(other, field)})
    same = getattr(command, field) == getattr(other, field)
    if field == "args" and isinstance(command.args, SetArguments) and isinstance(other.args, SetArguments):
        same = command.args.point == other.args.point and _exact(command.args.value) == _exact(other.args.value)
    assert signature_agrees(changed, gateway, key) == same
    assert signature_agrees(signed, other_gateway, key) == (gateway == other_gateway)
    # HMAC pads a key with zero bytes, so keys that differ only in those are one key.
    assert signature_agrees(signed, gateway, other_key) == (key.ljust(64, b"\0") == other_key.ljust(64, b"\0"))


CIRCUITS = st.lists(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,5}", fullmatch=True), max_size=4, unique=True).map(tuple)
REASONS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=160)
LIGHTS: Mapping[str, st.SearchStrategy[Arguments]] = {
    "override": st.builds(
        OverrideArguments, circuits=CIRCUITS, level=st.integers(0, 100), until=st.integers(0, 2**41), reason=REASONS
    ),
    "release": st.builds(ReleaseArguments, circuits=CIRCUITS),
    "permit": st.builds(
        PermitArguments,
        circuits=CIRCUITS,
        active=st.booleans(),
        until=st.none() | st.integers(0, 2**41),
        reason=REASONS,
    ),
    "read": st.builds(ReadArguments),
    "lamp_test": st.builds(LampTestArguments, circuits=CIRCUITS, minutes=st.integers(1, 30)),
}


@given(st.sampled_from(sorted(LIGHTS)), st.sampled_from(sorted(LIGHTS)), st.data())
def test_a_signature_covers_the_operation_and_every_argument(
    op: Operation, other_op: Operation, data: st.DataObject
) -> None:
    first, second = data.draw(LIGHTS[op]), data.draw(LIGHTS[other_op])
    signed = Command(id="0" * 26, nonce="n", op=op, args=first, by="x", not_after=0)
    signed = signed.model_copy(update={"mac": signature(signed, "gw", b"k" * 32)})
    back = decode(encode(signed), Command)
    assert back == signed
    assert type(back.args) is type(first)
    assert signature_agrees(back, "gw", b"k" * 32)
    changed = signed.model_copy(update={"op": other_op, "args": second})
    assert signature_agrees(changed, "gw", b"k" * 32) == (op == other_op and first == second)


@given(st.sampled_from(sorted(LIGHTS)), st.sampled_from(sorted(LIGHTS)), st.data())
def test_arguments_are_those_of_the_operation(op: Operation, other_op: Operation, data: st.DataObject) -> None:
    args = data.draw(LIGHTS[other_op])
    payload = {"id": "0" * 26, "nonce": "n", "op": op, "args": args.model_dump(mode="json"), "by": "x", "not_after": 0}
    try:
        command = decode(orjson.dumps(payload), Command)
    except PayloadError:
        assert op != other_op
        return
    assert isinstance(command.args, ARGUMENTS[op])


@given(st.sampled_from([True, 1, 1.0, "1", "True", False, 0, 0.0, -0.0]), st.sampled_from([True, 1, 1.0, "1", 0, -0.0]))
def test_a_signature_tells_apart_values_that_python_calls_equal(first: Value, second: Value) -> None:
    def signed(value: Value) -> str:
        arguments = SetArguments(point="io/a", value=value)
        command = Command(id="0" * 26, nonce="", op="set", args=arguments, by="x", not_after=0)
        return signature(command, "gw", b"k" * 32)

    assert (signed(first) == signed(second)) == (_exact(first) == _exact(second))


@given(st.text(max_size=12), st.text(max_size=12))
def test_a_signature_does_not_shift_between_neighbouring_fields(nonce: str, by: str) -> None:
    def signed(nonce: str, by: str) -> str:
        arguments = SetArguments(point="io/a", value=1)
        command = Command.model_construct(
            id="0" * 26, nonce=nonce, op="set", args=arguments, by=by, not_after=0, mac=None
        )
        return signature(command, "gw", b"k" * 32)

    try:
        whole = signed(nonce + by, "")
    except UnicodeEncodeError:
        return
    if by:
        assert whole != signed(nonce, by)
