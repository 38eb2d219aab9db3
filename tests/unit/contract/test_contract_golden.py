"""The golden samples of the wire: composed from blocks and models, they must give these bytes and no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import orjson
import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from contract.__main__ import main
from contract.alarm import ActiveAlarm, AlarmText
from contract.batch import Batch, ClockState, Confirm, Gone, Priority
from contract.codec import batch_body, columns, decode, decode_batch, encode, stamped
from contract.command import (
    CircuitResult,
    Command,
    LampTestArguments,
    OverrideArguments,
    PermitArguments,
    ReadArguments,
    Readback,
    ReleaseArguments,
    Result,
    ResultState,
    SetArguments,
    signature,
    signature_agrees,
)
from contract.command_arguments import ARGUMENTS, Arguments, Operation
from contract.lights import Calendar
from contract.reading import Block, Cause
from contract.schema import MESSAGES, schema_files, schema_of
from contract.state import DeviceMeta, DeviceState, Meta, Online, Place, PointMeta
from contract.topics import COLLECTOR_SUBSCRIPTIONS, GatewayTopics, alarm_topic
from contract.want import Desired, Limits, Want, WantError, WantReport, desired_hash, signed_want, want_signature_agrees

REPOSITORY = Path(__file__).parents[3]
SAMPLES = REPOSITORY / "tests" / "golden" / "wire"
EPOCH = "5f0c3a91d2b84e67a1c09e4d7b3f6e28"
DUSK_MS = 1_795_517_100_000
"""2026-11-24 17:45 in Pleiku."""
KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
GATEWAY = "gw-pleiku-117"


def _meter(after_ms: int, *values: float | None, **causes: Cause) -> Block:
    return Block(
        device="meter",
        observed_at_ms=DUSK_MS + after_ms,
        keys=("voltage_l1_v", "current_l1_a", "energy_kwh"),
        values=values,
        causes=causes,
    )


def _live() -> bytes:
    every = {"voltage_l1_v": Cause.TIMEOUT, "current_l1_a": Cause.TIMEOUT, "energy_kwh": Cause.TIMEOUT}
    blocks = [
        _meter(0, 229.8, 12.25, 4711.0),
        _meter(1000, 229.9, 12.25, None),
        _meter(2000, None, None, None, **every),
        _meter(3000, None, None, None, **every),
        _meter(4000, 291.5, 12.5, None, voltage_l1_v=Cause.SPIKE),
        Block(device="io", observed_at_ms=DUSK_MS + 412, keys=("mains_ok", "door_open"), values=(True, False)),
        Block(device="control", observed_at_ms=DUSK_MS + 500, keys=("lamps_due", "program"), values=(True, "tối/đêm")),
        Block.failed(device="air", observed_at_ms=DUSK_MS + 3310, keys=("pm25_ug_m3",), cause=Cause.LINE_DOWN),
    ]
    return _batch(blocks, seq=812, priority=Priority.NORMAL, sent_after_ms=4_120, lowest_seq=790)


def _batch(
    blocks: list[Block],
    *,
    seq: int,
    priority: Priority,
    sent_after_ms: int,
    lowest_seq: int,
    clock: ClockState = ClockState.SYNCED,
    gone: tuple[Gone, ...] = (),
    age_ms: int | None = None,
) -> bytes:
    body = batch_body(epoch=EPOCH, seq=seq, priority=priority, clock=clock, device_columns=columns(blocks), gone=gone)
    return stamped(body, sent_ms=DUSK_MS + sent_after_ms, lowest_seq=lowest_seq, age_ms=age_ms)


def _event() -> bytes:
    lost = Block(device="io", observed_at_ms=DUSK_MS + 5_412, keys=("mains_ok",), values=(False,))
    return _batch([lost], seq=813, priority=Priority.URGENT, sent_after_ms=5_415, lowest_seq=790)


def _history() -> bytes:
    blocks = [_meter(-3_600_000, 231.0, 0.0, 4690.5), _meter(-3_599_000, 231.25, 0.0, None)]
    return _batch(blocks, seq=790, priority=Priority.NORMAL, sent_after_ms=60_000, lowest_seq=790)


def _gone() -> bytes:
    told = Gone(
        what=Priority.LOW, first_ms=DUSK_MS - 864_000_000, last_ms=DUSK_MS - 777_600_000, batches=1440, readings=86_400
    )
    return _batch([], seq=814, priority=Priority.NORMAL, sent_after_ms=6_000, lowest_seq=790, gone=(told,))


def _waiting() -> bytes:
    lost = Block(device="io", observed_at_ms=DUSK_MS + 5_412, keys=("mains_ok",), values=(False,))
    return _batch(
        [lost],
        seq=3,
        priority=Priority.URGENT,
        sent_after_ms=5_762,
        lowest_seq=1,
        clock=ClockState.WAITING,
        age_ms=350,
    )


def _command() -> Command:
    unsigned = Command(
        id="01M86JHBZ08XAMP1E8F8VXDDN7",
        nonce="9b1deb4d3b7d4bad",
        op="set",
        args=SetArguments(point="io/contactor_1", value=True),
        by="soc-desk",
        not_after=DUSK_MS + 30_000,
    )
    return unsigned.model_copy(update={"mac": signature(unsigned, GATEWAY, KEY)})


def _lights(op: Operation, args: Arguments) -> Command:
    unsigned = _command().model_copy(update={"op": op, "args": args, "by": "huong", "mac": None})
    return unsigned.model_copy(update={"mac": signature(unsigned, GATEWAY, KEY)})


LIGHTS: Mapping[str, Command] = {
    "command-override": _lights(
        "override",
        OverrideArguments(circuits=("A", "B"), level=100, until=DUSK_MS + 7_200_000, reason="lễ hội đường Lê Duẩn"),
    ),
    "command-release": _lights("release", ReleaseArguments(circuits=("A", "B"))),
    "command-permit": _lights(
        "permit", PermitArguments(active=True, until=DUSK_MS + 14_400_000, reason="relamping, crew 2")
    ),
    "command-read": _lights("read", ReadArguments()),
    "command-lamp-test": _lights("lamp_test", LampTestArguments(circuits=("C",), minutes=10)),
}


def _want() -> Want:
    calendar = Calendar.model_validate(
        {
            "name": "pleiku-standard",
            "levels": {100: ["A", "B", "C"], 67: ["A", "B"]},
            "programs": [
                {
                    "id": "standard",
                    "periods": [
                        {"on": {"at": "sunset-10", "not_before": "17:15"}, "off": "22:30"},
                        {"on": "22:30", "off": "sunrise+5", "level": 67, "dim": 70},
                    ],
                },
                {"id": "tết", "periods": [{"on": "sunset", "off": "sunrise"}]},
            ],
            "rules": [
                {
                    "id": "tết",
                    "exception": True,
                    "program": "tết",
                    "when": {"holidays": [{"country": "VN", "names": ["Tết Nguyên Đán"], "days_before": 2}]},
                }
            ],
            "default": "standard",
            "sensors": {"photocell_minutes": 30},
            "expanded": {
                "first": "2026-11-24",
                "last": "2028-04-06",
                "dates": {"tết": ["2027-02-04", "2027-02-05", "2027-02-06"]},
            },
        }
    )
    place = Place(latitude=13.9833, longitude=108.0, timezone="Asia/Ho_Chi_Minh")
    desired = Desired(calendar=calendar, place=place, limits=Limits(stagger_s=4))
    return signed_want(Want(rev=42, by="huong", ts=DUSK_MS, desired=desired), GATEWAY, KEY)


def _meta() -> Meta:
    return Meta(
        sw="0.1.0",
        epoch=EPOCH,
        place=Place(latitude=13.9833, longitude=108.0, timezone="Asia/Ho_Chi_Minh"),
        devices={
            "io": DeviceMeta(
                device_class="relay",
                profile="waveshare-relay-d",
                profile_version="1",
                interval_s=1.0,
                points={
                    "mains_ok": PointMeta(en="Mains present", vi="Có điện lưới", kind="bool"),
                    "contactor_1": PointMeta(en="Contactor 1", vi="Khởi động từ 1", kind="bool", writable=True),
                },
            ),
            "meter": DeviceMeta(
                device_class="meter",
                profile="eastron-sdm630",
                profile_version="1",
                interval_s=5,
                points={
                    "voltage_l1_v": PointMeta(en="Voltage L1", vi="Điện áp pha 1", unit="V", kind="float"),
                    "energy_kwh": PointMeta(en="Energy", vi="Điện năng", unit="kWh", kind="float"),
                },
            ),
        },
    )


MODELS: Mapping[str, BaseModel] = {
    "confirm": Confirm.of({EPOCH: {790, 791, 792, 812}}),
    "online": Online(online=True, nonce="9b1deb4d3b7d4bad", sw="0.1.0", since=DUSK_MS - 86_400_000),
    "online-last-will": Online(online=False, nonce="9b1deb4d3b7d4bad", sw="0.1.0", since=DUSK_MS - 86_400_000),
    "meta": _meta(),
    "alarm": ActiveAlarm(
        alarm="mains-lost",
        rule="mains-lost",
        site="c-117",
        gateway=GATEWAY,
        severity=1,
        state="unacked",
        active=True,
        since=DUSK_MS + 5_412,
        text=AlarmText(en="MAINS LOST · cabinet C-117 · Lê Duẩn", vi="MẤT ĐIỆN · tủ C-117 · Lê Duẩn"),
    ),
    "device_state": DeviceState(
        ts=DUSK_MS + 4_000,
        v={"voltage_l1_v": 291.5, "current_l1_a": 12.5, "energy_kwh": None},
        q={"voltage_l1_v": Cause.SPIKE, "energy_kwh": Cause.TIMEOUT},
    ),
    "command": _command(),
    **LIGHTS,
    "want": _want(),
    "want_report": WantReport(rev=42, hash=desired_hash(_want().desired), applied_ts=DUSK_MS + 350),
    "want_report-refused": WantReport(
        rev=41,
        hash=desired_hash(Desired()),
        applied_ts=DUSK_MS - 864_000_000,
        error=WantError(
            rev=42,
            where="calendar.rules.0.program",
            text_en="no program 'tet'; there are: standard, tết",
            text_vi="không có chương trình 'tet'; hiện có: standard, tết",
        ),
    ),
    "result-lights": Result(
        id=_command().id,
        state=ResultState.FAILED,
        circuits={
            "A": CircuitResult(state="done", feedback=True, power_w=3950.5),
            "B": CircuitResult(state="failed", cause="line_open", feedback=True, power_w=3.0),
        },
        reason="B: line_open",
        ts=DUSK_MS + 6_400,
    ),
    "result-accepted": Result(id=_command().id, state=ResultState.ACCEPTED, point="io/contactor_1", ts=DUSK_MS + 1_000),
    "result-done": Result(
        id=_command().id,
        state=ResultState.DONE,
        point="io/contactor_1",
        readback=Readback(value=True, cause=Cause.OK, ts=DUSK_MS + 1_080),
        ts=DUSK_MS + 1_081,
    ),
    "result-rejected": Result(
        id=_command().id,
        state=ResultState.REJECTED,
        point="io/contactor_1",
        reason="commands.allow does not list io/contactor_1",
        ts=DUSK_MS + 1_000,
    ),
    "result-expired": Result(
        id=_command().id,
        state=ResultState.EXPIRED,
        point="io/contactor_1",
        reason="not_after passed 4200 ms ago",
        ts=DUSK_MS + 34_200,
    ),
    "result-failed": Result(
        id=_command().id,
        state=ResultState.FAILED,
        point="io/contactor_1",
        reason="no read-back: timeout",
        readback=Readback(value=None, cause=Cause.TIMEOUT, ts=DUSK_MS + 2_100),
        ts=DUSK_MS + 2_101,
    ),
}
BATCHES: Mapping[str, Callable[[], bytes]] = {
    "batch-live": _live,
    "batch-event": _event,
    "batch-history": _history,
    "batch-gone": _gone,
    "batch-waiting": _waiting,
}


def _sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes().rstrip(b"\n")


def _message_of(name: str) -> str:
    return name.partition("-")[0]


def test_there_is_a_sample_of_every_message_and_no_other_file() -> None:
    files = {file.stem for file in SAMPLES.iterdir()}
    assert files == {*MODELS, *BATCHES}
    assert {_message_of(name) for name in files} == set(MESSAGES)
    results = {decode(_sample(name), Result).state for name in files if name.startswith("result")}
    assert results == set(ResultState)


@pytest.mark.parametrize("name", BATCHES)
def test_the_agent_composes_a_batch_to_the_bytes_of_its_sample(name: str) -> None:
    assert BATCHES[name]() == _sample(name)


@pytest.mark.parametrize("name", MODELS)
def test_a_message_encodes_to_the_bytes_of_its_sample(name: str) -> None:
    assert encode(MODELS[name]) == _sample(name)
    assert decode(_sample(name), type(MODELS[name])) == MODELS[name]


def test_the_live_sample_gives_back_every_reading() -> None:
    readings = {
        (reading.point, reading.observed_at_ms - DUSK_MS): (reading.value, reading.cause)
        for block in decode_batch(_sample("batch-live")).blocks()
        for reading in block.readings()
    }
    assert readings[("meter/voltage_l1_v", 1000)] == (229.9, Cause.OK)
    assert readings[("meter/current_l1_a", 3000)] == (None, Cause.TIMEOUT)
    assert readings[("meter/voltage_l1_v", 4000)] == (291.5, Cause.SPIKE)
    assert readings[("air/pm25_ug_m3", 3310)] == (None, Cause.LINE_DOWN)
    assert readings[("control/program", 500)] == ("tối/đêm", Cause.OK)
    assert readings[("io/mains_ok", 412)][0] is True
    assert ("meter/energy_kwh", 1000) not in readings
    assert len(readings) == 3 + 2 + 3 + 3 + 2 + 2 + 2 + 1


def test_the_signature_of_the_command_sample_holds_for_its_gateway_alone() -> None:
    command = decode(_sample("command"), Command)
    assert signature_agrees(command, GATEWAY, KEY)
    assert not signature_agrees(command, "gw-pleiku-118", KEY)
    assert not signature_agrees(command, GATEWAY, KEY[::-1])


def test_the_signature_of_the_want_sample_holds_for_its_gateway_and_content_alone() -> None:
    want = decode(_sample("want"), Want)
    assert want_signature_agrees(want, GATEWAY, KEY)
    assert not want_signature_agrees(want, "gw-pleiku-118", KEY)
    assert not want_signature_agrees(want, GATEWAY, KEY[::-1])
    for changed in ({"rev": 43}, {"by": "x"}, {"ts": want.ts + 1}, {"desired": Desired()}, {"mac": None}):
        assert not want_signature_agrees(want.model_copy(update=changed), GATEWAY, KEY)


def test_there_is_a_signed_sample_of_every_operation() -> None:
    commands = [decode(_sample(name), Command) for name in MODELS if _message_of(name) == "command"]
    assert {command.op for command in commands} == set(ARGUMENTS)
    assert all(signature_agrees(command, GATEWAY, KEY) for command in commands)


@pytest.mark.parametrize("name", [*MODELS, *BATCHES])
def test_a_sample_agrees_with_its_schema(name: str) -> None:
    validator = Draft202012Validator(schema_of(_message_of(name)))
    validator.validate(orjson.loads(_sample(name)))


@pytest.mark.parametrize("name", MESSAGES)
def test_a_schema_is_one_and_refuses_what_lacks_a_required_key(name: str) -> None:
    schema = schema_of(name)
    Draft202012Validator.check_schema(schema)
    sample = next(_sample(file.stem) for file in sorted(SAMPLES.iterdir()) if _message_of(file.stem) == name)
    for key in schema["required"]:
        cut = {kept: value for kept, value in orjson.loads(sample).items() if kept != key}
        assert not Draft202012Validator(schema).is_valid(cut)


def test_a_schema_refuses_keys_that_are_no_names() -> None:
    data = orjson.loads(_sample("batch-live"))
    data["d"]["No Name"] = data["d"]["io"]
    assert not Draft202012Validator(schema_of("batch")).is_valid(data)


def test_the_schema_files_are_those_of_the_models() -> None:
    files = {file.name: file.read_bytes() for file in (REPOSITORY / "docs" / "schema").iterdir()}
    assert files == schema_files(), "docs/schema is not that of the models: run `make schema`"


def test_every_field_on_the_wire_is_described() -> None:
    for name in MESSAGES:
        schema = schema_of(name)
        for title, shape in (*schema.get("$defs", {}).items(), (name, schema)):
            lacking = [key for key, inner in shape.get("properties", {}).items() if "description" not in inner]
            assert not lacking, f"{title}: {lacking}"


def test_every_topic_that_the_collector_reads_has_a_message() -> None:
    carried = {topic.replace("{gw}", "+") for message in MESSAGES.values() for topic in message.topics}
    assert set(COLLECTOR_SUBSCRIPTIONS) <= carried


def test_topics_of_the_messages_are_those_of_the_tree() -> None:
    topics = GatewayTopics(GATEWAY)
    tree = {
        topics.live, topics.event, topics.history, topics.confirm, topics.command, topics.result, topics.online,
        topics.meta, topics.want, topics.want_report, topics.state("{device}"),
        alarm_topic("city/v1", "{site}", "{alarm}"),
    }  # fmt: skip
    named = {topic.replace("{gw}", GATEWAY) for message in MESSAGES.values() for topic in message.topics}
    assert {f"city/v1/{topic}" for topic in named} == tree


def test_schema_command_writes_the_files_and_removes_those_of_no_message(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}")
    assert main([str(tmp_path)]) == 0
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == schema_files()
    assert main(["--help"]) == 2


def test_a_sample_names_a_batch_as_the_model_says() -> None:
    assert decode_batch(_sample("batch-gone")).gone[0].readings == 86_400
    assert decode_batch(_sample("batch-waiting")).age_ms == 350
    assert isinstance(decode_batch(_sample("batch-history")), Batch)
