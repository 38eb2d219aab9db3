"""Frames of instruments as they were captured, or as the makers print them; the origin stands at each."""

from __future__ import annotations

import pytest

from contract.reading import Cause
from drivers.serial import nmea0183, plantower, sdi12, sds011, sps30, winsen, wxt530
from drivers.serial.fields import Fields, Scanner
from drivers.serial.framing import BinaryScanner, LineScanner
from drivers.serial.sixbit import checked, sixbit_crc

# Captured by the public tool PyPMS from a PMS sensor, an SDS011, an SPS30 and an MH-Z19B.
PMS = bytes.fromhex("424d001c000000080008000000080008 00d20046002d001e 00000000 9700 02c5")
SDS = bytes.fromhex("aac0060006 0058d93dab")
SPS = bytes.fromhex(
    "7e0003002840a783204117 77bb414a5f834154 8ddd41d2833e427d33fc8542261722 4229a4d9422a29bc3f55b7e79e7e"
)
MHZ = bytes.fromhex("ff86027c42000000ba")
# A real transmitter's message in the comments of a public weewx driver, shortened there, and a corrupt one.
WXT = (
    b"0R0,Dn=000#,Dm=106#,Dx=182#,Sn=1.1#,Sm=4.0#,Sx=6.6#,Ta=16.0C,Ua=50.0P,Pa=1018.1H,"
    b"Rc=0.00M,Rd=0s,Ri=0.0M,Th=15.6C,Vs=15.2V\r\n"
)
WXT_CORRUPT = b"0R1,Dn=0m=032D,Sm=0.1M,Sx=0.3M\r\n"
# Recorded from an anemometer.
MWV = b"$WIMWV,214.8,R,0.1,K,A*28\r\n"


def scan(scanner: Scanner, data: bytes) -> Fields:
    [fields] = scanner.feed(data)
    assert (scanner.damaged, scanner.noise, scanner.waiting()) == (0, 0, 0)
    return fields


def test_plantower() -> None:
    fields = scan(BinaryScanner(plantower.PlantowerForm()), PMS)
    assert [fields[key] for key in ("pm1", "pm2_5", "pm10", "n0_3", "n0_5", "n1", "n2_5", "n5", "n10")] == [
        0, 8, 8, 210, 70, 45, 30, 0, 0,
    ]  # fmt: skip


def test_plantower_that_reports_an_error_has_no_value() -> None:
    frame = PMS[:29] + b"\x01" + (sum(PMS[:29]) + 1).to_bytes(2, "big")
    assert set(scan(BinaryScanner(plantower.PlantowerForm()), frame).values()) == {Cause.DEVICE}


def test_the_answers_to_plantower_commands_are_passed_over() -> None:
    body = b"\x42\x4d\x00\x04\xe1\x01"
    scanner = BinaryScanner(plantower.PlantowerForm())
    assert len(scanner.feed(PMS + body + sum(body).to_bytes(2, "big") + PMS)) == 2
    assert scanner.noise == 0


def test_sds011() -> None:
    fields = scan(BinaryScanner(sds011.Sds011Form()), SDS)
    assert fields == {"pm2_5": 0.6, "pm10": 0.6, "id": "58D9"}


def test_sps30_with_a_stuffed_byte() -> None:
    fields = scan(sps30.ShdlcScanner(sps30.READ), SPS)
    assert [round(float(str(value)), 3) for value in fields.values()] == [
        5.235, 9.467, 12.648, 13.285, 26.314, 36.997, 41.523, 42.411, 42.541, 0.835,
    ]  # fmt: skip


def test_sps30_requests() -> None:
    assert sps30.START_REQUEST.hex() == "7e0000020103f97e"
    assert sps30.READ_REQUEST.hex() == "7e000300fc7e"


def test_an_escaped_escape_is_undone_once() -> None:
    # 7D 5D 5E is the bytes 7D 5E; undoing pair after pair would make 7E of it.
    assert sps30.unstuffed(b"\x7d\x5d\x5e") == b"\x7d\x5e"
    assert sps30.unstuffed(b"\x7d\x5e\x7d\x31\x7d\x33") == b"\x7e\x11\x13"


def test_winsen() -> None:
    assert scan(BinaryScanner(winsen.WinsenForm()), MHZ) == {"value": 636, "second": 0x4200, "third": 0}
    assert winsen.READ_REQUEST.hex() == "ff0186000000000079"
    assert winsen.mode_request(3).hex() == "ff0178030000000084"
    assert winsen.mode_request(4).hex() == "ff0178040000000083"


def test_winsen_formaldehyde() -> None:
    """The example and the change of mode of the ZE07-CH2O's manual (tables 5 and 8)."""
    answer = bytes.fromhex("ff86002a0000002030")
    assert scan(BinaryScanner(winsen.WinsenForm()), answer) == {"value": 42, "second": 0, "third": 32}
    assert winsen.mode_request(0x41).hex() == "ff0178410000000046"


def test_wxt530_marks_what_is_invalid() -> None:
    fields = scan(LineScanner(wxt530.WxtForm("0", crc=False)), WXT)
    assert {key for key, value in fields.items() if value is Cause.DEVICE} == {"Dn", "Dm", "Dx", "Sn", "Sm", "Sx"}
    assert {key: fields[key] for key in ("Ta", "Ua", "Pa", "Rc", "Vs")} == {
        "Ta": 16.0, "Ua": 50.0, "Pa": 1018.1, "Rc": 0.0, "Vs": 15.2,
    }  # fmt: skip


def test_wxt530_drops_a_corrupt_token_and_keeps_the_rest() -> None:
    fields = scan(LineScanner(wxt530.WxtForm("0", crc=False)), WXT_CORRUPT)
    assert fields == {"": Cause.PROTOCOL, "Sm": 0.1, "Sx": 0.3}


@pytest.mark.parametrize(
    ("token", "value"),
    [
        ("Pa=1.0058B", 1005.8),
        ("Pa=1012.9H", 1012.9),
        ("Ta=74.6F", 23.6666667),
        ("Sm=36.0K", 10.0),
        ("Rc=0.10I", 2.54),
        ("Vh=11.5N", 11.5),
        ("Ta=1.0Q", Cause.PROTOCOL),
    ],
)
def test_wxt530_units(token: str, value: float | Cause) -> None:
    line = f"0R2,{token}\r\n".encode("ascii")
    assert scan(LineScanner(wxt530.WxtForm("0", crc=False)), line) == {token[:2]: value}


# User guide M211840EN, "Polling with CRC".
@pytest.mark.parametrize(("message", "request_"), [(0, b"0r0Kld\r\n"), (2, b"0r2Gje\r\n"), (3, b"0r3Kid\r\n")])
def test_wxt530_requests_with_crc(message: int, request_: bytes) -> None:
    assert wxt530.request("0", message, crc=True) == request_
    assert wxt530.request("0", message, crc=False) == f"0R{message}\r\n".encode("ascii")


# The same, "Automatic mode"; Vh=10.6# is a heating that the transmitter does not have.
@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (b"0r1,Sn=0.1M,Sm=0.1M,Sx=0.1MGOG\r\n", {"Sn": 0.1, "Sm": 0.1, "Sx": 0.1}),
        (b"0r2,Ta=22.7C,Ua=55.5P,Pa=1004.7H@Fn\r\n", {"Ta": 22.7, "Ua": 55.5, "Pa": 1004.7}),
        (b"0r3,Rc=0.00M,Rd=0s,Ri=0.0MIlm\r\n", {"Rc": 0.0, "Rd": 0.0, "Ri": 0.0}),
        (b"0r5,Th=25.0C,Vh=10.6#,Vs=10.8V,Vr=3.369VO]T\r\n", {"Th": 25.0, "Vh": Cause.DEVICE, "Vs": 10.8, "Vr": 3.369}),
    ],
)
def test_wxt530_messages_with_crc(line: bytes, fields: Fields) -> None:
    assert scan(LineScanner(wxt530.WxtForm("0", crc=True)), line) == fields
    damaged = line.replace(b".", b"4", 1)
    assert LineScanner(wxt530.WxtForm("0", crc=True)).feed(damaged) == []


def test_wxt530_says_that_the_crc_of_the_request_was_wrong() -> None:
    scanner = LineScanner(wxt530.WxtForm("0", crc=True))
    assert scanner.feed(b"0tX,Use chksum GoeIU~\r\n") == []
    assert scanner.refusal is not None
    assert scanner.refusal.cause is Cause.DEVICE


def test_nmea_wind() -> None:
    fields = scan(LineScanner(nmea0183.NmeaForm()), MWV)
    assert fields == {"wind_angle": 214.8, "wind_speed": pytest.approx(0.1 / 3.6)}


def sentence(body: str) -> bytes:
    total = 0
    for byte in body.encode("ascii"):
        total ^= byte
    return f"${body}*{total:02X}\r\n".encode("ascii")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("WIMWV,10.0,T,5.0,N,A", {"wind_angle_true": 10.0, "wind_speed_true": pytest.approx(2.572222, abs=1e-6)}),
        ("WIMWV,10.0,R,5.0,M,V", {"wind_angle": Cause.DEVICE, "wind_speed": Cause.DEVICE}),
        ("WIMWV,,R,5.0,M,A", {"wind_speed": 5.0}),
        ("WIMWV,1.0,R,5.0,X,A", {"wind_angle": 1.0, "wind_speed": Cause.PROTOCOL}),
        (
            "WIMDA,30.03,I,1.017,B,25.1,C,,,62.0,,17.3,C,90.0,T,,,4.0,N,2.1,M",
            {
                "pressure": 1017.0, "air_temperature": 25.1, "humidity": 62.0, "dew_point": 17.3,
                "wind_direction": 90.0, "wind_mps": 2.1,
            },
        ),
        ("YXMTW,17.8,C", {"water_temperature": 17.8}),
        ("WIXDR,P,1.0172,B,BARO,C,21.6,C,AIR", {"xdr.BARO": 1017.2, "xdr.AIR": 21.6}),
        ("WIXDR,C,1.0,C,AIR,C,2.0,C,AIR", {"xdr.AIR": Cause.PROTOCOL}),
        (
            "GPGGA,080000,1358.980,N,10800.000,E,1,08,0.9,786.4,M,-6.0,M,,",
            {"latitude": 13.983, "longitude": 108.0, "fix": 1.0, "satellites": 8.0, "altitude": 786.4},
        ),
        (
            "GPGGA,080000,,,,,0,00,,,M,,M,,",
            {
                "fix": 0.0, "satellites": 0.0, "latitude": Cause.DEVICE, "longitude": Cause.DEVICE,
                "altitude": Cause.DEVICE,
            },
        ),
    ],
)  # fmt: skip
def test_nmea_sentences_of_the_documented_layouts(body: str, fields: Fields) -> None:
    assert scan(LineScanner(nmea0183.NmeaForm()), sentence(body)) == fields


def test_sentences_that_we_do_not_know_say_nothing() -> None:
    scanner = LineScanner(nmea0183.NmeaForm())
    assert scanner.feed(sentence("GPGSV,1,1,01,05,40,083,46")) == []
    assert scanner.damaged == 0


# Captured answers with CRC, and the user guide's example of aRC3!.
@pytest.mark.parametrize(
    ("answer", "values"),
    [
        (b"0+3.14OqZ", (3.14,)),
        (b"0+3.14+2.718+1.414Ipz", (3.14, 2.718, 1.414)),
        (b"0+0.04+10+14.8+0.0+0+0.0INy", (0.04, 10.0, 14.8, 0.0, 0.0, 0.0)),
    ],
)
def test_sdi12_values_with_crc(answer: bytes, values: tuple[float, ...]) -> None:
    assert sdi12.values_of(answer[1:], crc=True, address="0") == values
    assert checked(answer) == answer[:-3]
    assert sixbit_crc(answer[:-3]) == answer[-3:]


# Supplement of the VEGAPULS C 22 manual 58345-EN-200806.
def test_sdi12_of_a_radar_sensor() -> None:
    assert sdi12.identity_of(b"14VEGA    PSC 2100143210123") == sdi12.Identity(
        "14", "VEGA", "PSC 21", "001", "43210123"
    )
    assert sdi12.values_of(b"+29.272+0.728+25.4+14+0", crc=False, address="0") == (29.272, 0.728, 25.4, 14.0, 0.0)
