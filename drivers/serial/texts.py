"""What can be wrong with an instrument's answers, in both languages."""

from __future__ import annotations

from typing import Final

from config.language import Texts
from contract.reading import Cause
from drivers.errors import Fault, FrameError, TransientError, UnsupportedError

TEXTS: Final = Texts(
    {
        "damaged": ("{count} damaged frames, no sound one", "{count} khung bị hỏng, không có khung tốt"),
        "foreign": (
            "{count} sound frames, none of this instrument with what is wanted",
            "{count} khung tốt, nhưng không khung nào của thiết bị này có điểm đo cần đọc",
        ),
        "breaks_off": ("the frame breaks off after {count} bytes", "khung bị đứt sau {count} byte"),
        "no_frame": ("{count} bytes that are no frame", "{count} byte không phải khung dữ liệu"),
        "silent": ("no answer in time", "không có dữ liệu trong thời gian cho phép"),
        "endless": (
            "bytes without end, and no answer among them",
            "byte đến không dứt mà không có câu trả lời nào",
        ),
        "state": ("the sensor says state {state}", "cảm biến báo trạng thái {state}"),
        "says": ("it says: {said}", "thiết bị báo: {said}"),
        "not_text": (
            "characters that no answer has (noise, or another parity)",
            "ký tự không thể có trong câu trả lời (nhiễu, hoặc sai chẵn lẻ)",
        ),
        "other_address": ("answer of address {found}", "câu trả lời của địa chỉ {found}"),
        "no_announcement": ("no time and number of values", "không có thời gian và số giá trị"),
        "wrong_crc": ("wrong CRC", "sai CRC"),
        "not_values": ("not values alone", "không chỉ gồm các giá trị"),
        "no_identity": ("no identification", "không phải thông tin nhận dạng"),
        "address_alone": ("an address alone was expected", "lẽ ra chỉ có địa chỉ"),
        "values_missing": ("{found} values came, {wanted} were announced", "nhận {found} giá trị, đã báo {wanted}"),
        "no_measurement": (
            "address {address}, {name}: it has no such measurement",
            "địa chỉ {address}, {name}: cảm biến không có phép đo này",
        ),
        "other_variant": (
            "address {address}, {name}: it announces {found} values, the profile is for {wanted}",
            "địa chỉ {address}, {name}: cảm biến báo {found} giá trị, hồ sơ dành cho {wanted}",
        ),
        "too_slow": (
            "address {address}, {name}: it wants {found} s, settings.max_wait_s is {wanted:g}",
            "địa chỉ {address}, {name}: cảm biến cần {found} s, settings.max_wait_s là {wanted:g}",
        ),
        "other_make": (
            "not the sensor of its profile: '{wanted}' wanted, it says '{found}'",
            "không đúng cảm biến của hồ sơ: cần '{wanted}', thiết bị báo '{found}'",
        ),
        "nothing_new": ("it answers, but has no new value", "thiết bị trả lời nhưng không có giá trị mới"),
        "nothing_wanted": ("nothing of what is wanted came", "không nhận được điểm đo nào cần đọc"),
        "no_points": ("no points to read", "không có điểm đo nào để đọc"),
        "no_writing": ("{point}: an instrument cannot be written", "{point}: thiết bị đo không ghi được"),
    }
)


def frame_error(fault: Fault, key: str, **facts: object) -> FrameError:
    """Return the error of an answer by its key and facts."""
    return FrameError(fault, TEXTS.text(key, "en", **facts), vi=TEXTS.text(key, "vi", **facts))


def unsupported(key: str, **facts: object) -> UnsupportedError:
    """Return the error of what an instrument is not, or has not."""
    return UnsupportedError(TEXTS.text(key, "en", **facts), vi=TEXTS.text(key, "vi", **facts))


def transient(cause: Cause, key: str, **facts: object) -> TransientError:
    """Return the error of what may be better the next time."""
    return TransientError(TEXTS.text(key, "en", **facts), cause, vi=TEXTS.text(key, "vi", **facts))
