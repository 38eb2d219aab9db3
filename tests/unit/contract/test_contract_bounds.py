"""What a hostile or broken peer can send: refused by name, at bounded cost."""

from __future__ import annotations

import hmac
import re
import tracemalloc
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from contract.batch import (
    EARLIEST_MS,
    MAX_BATCH_BYTES,
    MAX_POINTS_PER_DEVICE,
    MAX_ROWS_PER_DEVICE,
    Batch,
    Confirm,
    DeviceColumns,
)
from contract.codec import PayloadError, columns, decode, decode_batch
from contract.command import Command, Result, SetArguments, signature_agrees
from contract.reading import Block, Cause
from contract.schema import MESSAGES
from contract.state import DeviceState, Meta
from contract.topics import (
    BUILT_IN_DEVICES,
    RESERVED_DEVICES,
    RESERVED_GATEWAYS,
    GatewayTopics,
    alarm_topic,
    check_name,
    parse_topic,
)

HEAD = b'{"v":1,"epoch":"00000000000000000000000000000000","seq":1,"pri":"normal","clk":"synced","d":'
MIB = 1024 * 1024


def _batch(devices: bytes) -> bytes:
    return HEAD + devices + b"}"


def _device(rows: int = 1, **parts: Any) -> bytes:
    given = {"t0": EARLIEST_MS, "dt": list(range(rows)), "m": {"a": [1] * rows}} | parts
    return orjson.dumps({"io": given})


def _refused(payload: bytes, model: Any = Batch, max_bytes: int = MAX_BATCH_BYTES) -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        decode(payload, model, max_bytes)
    assert len(str(caught.value)) <= 300
    return caught.value


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b" " * (MAX_BATCH_BYTES + 1), "oversized"),
        (b"[" * 100_000, "nested"),
        (b"[" * 100_000 + b"]" * 100_000, "nested"),
        (b'{"a":' * 40_000, "nested"),
        (b"[" * 13 + b"]" * 13, "nested"),
        (b"[" * 12 + b"]" * 12, "invalid"),
        (b'["]]]]]]]]]]]]]]]]]]]]",' + b"[" * 900 + b"]" * 901, "nested"),
        (b"", "not_json"),
        (b"\xff\xfe\x00", "not_json"),
        (b'"\\ud800"', "not_json"),
        (b'{"v":NaN}', "not_json"),
        (b'{"v":Infinity}', "not_json"),
        (b"1e400", "not_json"),
        (b'{"v":1}{"v":1}', "not_json"),
        (b"null", "invalid"),
        (b"1" * 200_000, "not_json"),
        (b'{"v":1,"v":2}', "invalid"),
        (b'"' + b"x" * 200_000 + b'"', "invalid"),
        (_batch(b'{"io\\n":{}}'), "invalid"),
    ],
)
def test_a_payload_that_is_no_batch_is_refused_by_its_kind(payload: bytes, kind: str) -> None:
    assert _refused(payload).kind == kind


def _flood(item: bytes, count: int) -> bytes:
    return b"{" + b",".join(item % number for number in range(count)) + b"}"


HOSTILE: Sequence[tuple[str, bytes, Any]] = [
    ("every cell is wrong", _batch(_device(9000, m={f"k{i}": [{}] * 9000 for i in range(8)})), Batch),
    ("every dt is wrong", _batch(_device(dt=[-1] * 80_000)), Batch),
    ("100,000 rows", _batch(_device(dt=[0] * 100_000)), Batch),
    ("100,000 runs", _batch(_device(q={"a": [[0, 1, "crc"]] * 15_000})), Batch),
    ("no key is a name", _batch(_flood(b'"A%d":{}', 20_000)), Batch),
    ("20,000 devices", _batch(_flood(b'"a%d":{}', 20_000)), Batch),
    ("20,000 unknown keys", b'{"d":{},' + _flood(b'"A%d":[]', 20_000)[1:], Batch),
    ("20,000 points", _batch(b'{"io":{"t0":1,"dt":[0],"m":%s}}' % _flood(b'"a%d":[1]', 20_000)), Batch),
    ("20,000 epochs", b'{"ok":%s}' % _flood(b'"A%d":[]', 20_000), Confirm),
    ("20,000 ranges", b'{"ok":{"%032d":%s}}' % (0, orjson.dumps([[1, 0]] * 20_000)), Confirm),
    ("20,000 states", b'{"ts":1,"v":%s}' % _flood(b'"A%d":{}', 20_000), DeviceState),
    (
        "no point has a kind",
        b'{"sw":"","epoch":"","devices":%s}' % _flood(b'"a%d":{"points":' + _flood(b'"b%d":{}', 200) + b"}", 450),
        Meta,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("payload", "model"), [pytest.param(*rest, id=name) for name, *rest in HOSTILE])
def test_the_memory_of_a_refusal_is_bounded(payload: bytes, model: Any) -> None:
    max_bytes = max(message.max_bytes for message in MESSAGES.values() if message.model is model)
    max_bytes = max(max_bytes, len(payload) if model in {DeviceState, Confirm} else 0)
    assert len(payload) <= max_bytes
    tracemalloc.start()
    try:
        assert _refused(payload, model, max_bytes).kind == "invalid"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The parsed JSON itself takes up to some 25 times its text: small dicts in 1 MiB of it.
    assert peak < 32 * MIB


class _Counted(list[Any]):
    """A list that counts how many of its items were taken."""

    taken = 0

    def __getitem__(self, index: Any) -> Any:
        item = super().__getitem__(index)
        type(self).taken += len(item) if isinstance(index, slice) else 1
        return item


def test_rows_are_read_once_whatever_the_runs_are() -> None:
    rows = MAX_ROWS_PER_DEVICE
    device = DeviceColumns.model_construct(
        t0=EARLIEST_MS,
        dt=list(range(rows)),
        m={"a": _Counted([None] * rows), "b": _Counted([1] * rows)},
        q={"a": [(row, 1, Cause.CRC) for row in range(rows)]},
    )
    _Counted.taken = 0
    assert sum(len(block.keys) for block in device.blocks("io")) == 2 * rows
    assert _Counted.taken <= 2 * 2 * rows


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ({"dt": [1]}, "begin with 0"),
        ({"dt": [0, 0], "m": {"a": [1, 1]}}, "rise strictly"),
        ({"dt": [0, 5], "m": {"a": [1]}}, "1 values for 2 rows"),
        ({"q": {"b": [[0, 1, "crc"]]}}, "no column"),
        ({"q": {"a": [[0, 2, "spike"]]}}, "past the rows"),
        ({"q": {"a": [[0, 2**62, "spike"]]}}, "past the rows"),
        ({"q": {"a": [[0, 1, "crc"]]}}, "null exactly where"),
        ({"m": {"a": [None]}, "q": {"a": [[0, 1, "spike"]]}}, "null exactly where"),
        ({"m": {"a": [None]}, "q": {"a": [[0, 1, "ok"]]}}, "is ok"),
        ({"dt": [0, 1], "m": {"a": [None, None]}, "q": {"a": [[0, 2, "crc"], [1, 1, "crc"]]}}, "not overlap"),
        ({"dt": [0, 1], "m": {"a": [None, None]}, "q": {"a": [[1, 1, "crc"], [0, 1, "crc"]]}}, "not overlap"),
        ({"t0": EARLIEST_MS - 1}, "greater than or equal"),
        ({"dt": [0, 2**52], "m": {"a": [1, 1]}}, "after 2100"),
        ({"m": {"a": ["x" * 257]}}, "d.io.m.a"),
        ({"m": {"a": [[1]]}}, "d.io.m.a"),
        ({"m": {f"a{i}": [1] for i in range(MAX_POINTS_PER_DEVICE + 1)}}, "at most 512"),
    ],
)
def test_columns_that_disagree_are_refused(parts: dict[str, Any], complaint: str) -> None:
    error = _refused(_batch(_device(**parts)))
    assert error.kind == "invalid"
    assert complaint in str(error)


def test_what_a_newer_agent_adds_is_passed_over() -> None:
    payload = _batch(_device(newer=[{}])).replace(b'{"v":1', b'{"newer":{"deep":[1]},"v":1', 1)
    assert decode_batch(payload).reading_count() == 1


@pytest.mark.parametrize("value", [True, False, 0, 1, -1, 1.0, 0.5, "1", "true", ""])
def test_a_value_keeps_its_type(value: object) -> None:
    batch = decode_batch(_batch(_device(m={"a": [value]})))
    received = next(batch.blocks()).values[0]
    assert (type(received), received) == (type(value), value)


def test_an_integer_past_64_bits_arrives_as_a_number_that_the_stores_hold() -> None:
    assert repr(next(decode_batch(_batch(_device(m={"a": [2**63]}))).blocks()).values[0]) == "9.223372036854776e+18"


@pytest.mark.parametrize("field", ["seq", "lo", "sent"])
@pytest.mark.parametrize("value", [True, "1", 1.5, -1, 2**54])
def test_numbers_of_a_batch_are_integers_in_range(field: str, value: object) -> None:
    good = orjson.loads(_batch(_device()))
    assert _refused(orjson.dumps(good | {field: value})).kind == "invalid"


def test_an_age_stands_only_with_a_waiting_clock() -> None:
    good = orjson.loads(_batch(_device()))
    assert decode_batch(orjson.dumps(good | {"age_ms": 5, "clk": "waiting"})).age_ms == 5
    assert "age_ms" in str(_refused(orjson.dumps(good | {"age_ms": 5})))


def test_a_later_block_of_the_same_time_wins_with_its_quality() -> None:
    earlier = Block(device="io", observed_at_ms=EARLIEST_MS, keys=("a", "b"), values=(None, 5), causes={"a": Cause.CRC})
    later = Block(device="io", observed_at_ms=EARLIEST_MS, keys=("a", "b"), values=(7, None), causes={"b": Cause.CRC})
    assert columns([earlier, later])["io"] == {
        "t0": EARLIEST_MS,
        "dt": [0],
        "m": {"a": [7], "b": [None]},
        "q": {"b": [[0, 1, Cause.CRC]]},
    }


@pytest.mark.parametrize(
    ("ok", "complaint"),
    [
        ({"0" * 32: [[2, 1]]}, "ends before"),
        ({"0" * 32: [[0, 1]]}, "greater than or equal"),
        ({"0" * 32: [[1, 2**53 + 1]]}, "less than or equal"),
        ({"0" * 31: [[1, 1]]}, "pattern"),
        ({"0" * 32: [[n, n] for n in range(1, 66)]}, "at most 64"),
        ({f"{epoch:032x}": [[1, 1]] * 33 for epoch in range(2)}, "more than 64"),
        ({"0" * 32: [[1]]}, "Field required"),
    ],
)
def test_a_confirm_with_impossible_ranges_is_refused(ok: object, complaint: str) -> None:
    assert complaint in str(_refused(orjson.dumps({"ok": ok}), Confirm))


def test_a_command_sets_a_value_and_not_null() -> None:
    with pytest.raises(ValueError, match="value"):
        SetArguments.model_validate({"point": "io/a", "value": None})


def test_a_result_without_a_readback_value_decodes() -> None:
    result = decode(
        b'{"id":"%026d","state":"failed","point":"a/b","readback":{"cause":"timeout","ts":1},"ts":1}' % 0, Result
    )
    assert result.readback is not None
    assert result.readback.value is None


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []
    constant_time = hmac.compare_digest

    def compare(first: str, second: str) -> bool:
        compared.append((first, second))
        return constant_time(first, second)

    monkeypatch.setattr("contract.command.hmac.compare_digest", compare)
    unsigned = Command(id="0" * 26, nonce="", op="set", args=SetArguments(point="io/a", value=1), by="x", not_after=0)
    assert not signature_agrees(unsigned, "gw", b"k" * 32)
    assert compared == []
    assert not signature_agrees(unsigned.model_copy(update={"mac": "0" * 64}), "gw", b"k" * 32)
    assert [first for first, _ in compared] == ["0" * 64]


@pytest.mark.parametrize("name", ["", "A", "-a", "a/b", "a b", "a\n", "\n", "đèn", "a" * 65, "a+", "#", "..", "a\0"])
def test_what_is_no_name_is_refused_everywhere(name: str) -> None:
    with pytest.raises(ValueError, match="use 1 to 64"):
        check_name(name, "device")
    with pytest.raises(PayloadError):
        decode_batch(_batch(orjson.dumps({name: orjson.loads(_device())["io"]})))


@pytest.mark.parametrize("name", ["a", "0", "a" * 64, "kk-0061", "a_b"])
def test_names_make_topics_that_parse_again(name: str) -> None:
    topics = GatewayTopics(check_name(name, "gateway"), "pleiku/test/v1")
    for topic in (topics.live, topics.event, topics.history, topics.confirm, topics.command, topics.result):
        gateway, tail = parse_topic(topic, "pleiku/test/v1")
        assert gateway == name
        assert re.fullmatch(r"(up|down)/[a-z]+", tail)
    assert parse_topic(topics.state("io"), "pleiku/test/v1") == (name, "state/io")
    assert parse_topic(topics.online, "pleiku/test/v1") == (name, "state/online")
    assert parse_topic(topics.meta, "pleiku/test/v1") == (name, "state/meta")


@pytest.mark.parametrize(
    "topic", ["", "city/v1", "city/v1/", "city/v2/gw/up/live", "city/v1/GW/up/live", "xcity/v1/gw/up"]
)
def test_topics_of_another_tree_are_refused(topic: str) -> None:
    with pytest.raises(ValueError, match=r"topic is not below|gateway"):
        parse_topic(topic)


def test_an_alarm_topic_is_no_gateways() -> None:
    with pytest.raises(ValueError, match="reserved"):
        parse_topic(alarm_topic("city/v1", "kk-0061", "mains_lost"))


def test_reserved_names_are_refused() -> None:
    for name in RESERVED_DEVICES | BUILT_IN_DEVICES:
        with pytest.raises(ValueError, match="reserved"):
            check_name(name, "device", RESERVED_DEVICES | BUILT_IN_DEVICES)
    for name in RESERVED_GATEWAYS:
        with pytest.raises(ValueError, match="reserved"):
            check_name(name, "gateway", RESERVED_GATEWAYS)
