"""What can be wrong with a line or an answer, in both languages."""

from __future__ import annotations

from typing import Final

from config.language import Texts
from drivers.errors import Fault, FrameError, LineDownError

TEXTS: Final = Texts(
    {
        "line_closed": ("line '{line}' is closed", "đường truyền '{line}' đã đóng"),
        "listening_ended": (
            "the line is being closed while its instrument was listened to",
            "đường truyền đang đóng trong lúc chờ thiết bị gửi dữ liệu",
        ),
        "line_failed": ("line '{line}': {reason}", "đường truyền '{line}': {reason}"),
        "port_missing": (
            "{port}: no such device; is the adapter plugged in?",
            "{port}: không có thiết bị này; bộ chuyển đổi đã cắm chưa?",
        ),
        "port_busy": ("{port}: in use by another process", "{port}: chương trình khác đang sử dụng"),
        "port_forbidden": (
            "{port}: no permission; add the agent's user to the group of the device (dialout)",
            "{port}: không có quyền; hãy thêm người dùng của tác nhân vào nhóm của thiết bị (dialout)",
        ),
        "port_unusable": ("{port}: cannot be opened: {reason}", "{port}: không mở được: {reason}"),
        "port_no_rs485": (
            "{port}: its driver cannot turn the direction (rs485: {mode}); leave rs485 out if the adapter does it",
            "{port}: trình điều khiển không đổi được chiều (rs485: {mode}); hãy bỏ rs485 nếu bộ chuyển đổi tự làm",
        ),
        "port_lost": ("{port}: {reason}", "{port}: {reason} (mất cổng nối tiếp)"),
        "port_stuck": (
            "{port}: took {taken} of {count} bytes; it does not send",
            "{port}: chỉ nhận {taken} trên {count} byte; cổng không gửi đi",
        ),
        "port_hung_up": (
            "{port}: hung up; is the adapter unplugged?",
            "{port}: đã ngắt; bộ chuyển đổi bị rút ra chăng?",
        ),
        "host_late": ("{host}: no connection in time", "{host}: không kết nối được trong thời gian cho phép"),
        "host_refuses": ("{host}: no connection: {reason}", "{host}: không kết nối được: {reason}"),
        "host_unknown": (
            "{host}: the name server does not answer for {name}",
            "{host}: máy chủ tên miền không trả lời cho {name}",
        ),
        "host_tls": ("{host}: no TLS connection: {reason}", "{host}: không lập được kết nối TLS: {reason}"),
        "tls_files": (
            "{host}: the files of its tls setting cannot be used: {reason}",
            "{host}: không dùng được các tệp trong mục tls: {reason}",
        ),
        "host_lost": ("{host}: connection lost: {reason}", "{host}: mất kết nối: {reason}"),
        "host_hung_up": ("{host}: connection closed by the device", "{host}: thiết bị đã đóng kết nối"),
        "babble": (
            "bytes keep coming though nothing was asked: another master, or noise",
            "byte vẫn đến dù không hỏi gì: có thiết bị chủ khác trên đường truyền, hoặc nhiễu",
        ),
        "no_answer": ("unit {unit}, function {function}: no answer", "địa chỉ {unit}, hàm {function}: không trả lời"),
        "cut": (
            "unit {unit}, function {function}: {count} bytes came, then silence: {came}",
            "địa chỉ {unit}, hàm {function}: nhận {count} byte rồi im lặng: {came}",
        ),
        "no_frame": (
            "unit {unit}, function {function}: {count} bytes hold no answer: {came}",
            "địa chỉ {unit}, hàm {function}: {count} byte không chứa câu trả lời nào: {came}",
        ),
        "crc_errors": (
            "unit {unit}, function {function}: damaged: CRC {found}, not {wanted}",
            "địa chỉ {unit}, hàm {function}: khung bị hỏng: CRC {found}, lẽ ra {wanted}",
        ),
        "wrong_unit": (
            "unit {unit}, function {function}: wrong unit: {found}, not {wanted}",
            "địa chỉ {unit}, hàm {function}: sai địa chỉ: {found}, lẽ ra {wanted}",
        ),
        "wrong_function": (
            "unit {unit}, function {function}: wrong function: {found}, not {wanted}",
            "địa chỉ {unit}, hàm {function}: sai mã hàm: {found}, lẽ ra {wanted}",
        ),
        "wrong_length": (
            "unit {unit}, function {function}: wrong length: {found}, not {wanted}",
            "địa chỉ {unit}, hàm {function}: sai độ dài: {found}, lẽ ra {wanted}",
        ),
        "wrong_transaction": (
            "unit {unit}, function {function}: wrong transaction: {found}, not {wanted}",
            "địa chỉ {unit}, hàm {function}: sai mã giao dịch: {found}, lẽ ra {wanted}",
        ),
        "wrong_protocol": (
            "unit {unit}, function {function}: wrong protocol: {found}, not {wanted}",
            "địa chỉ {unit}, hàm {function}: sai mã giao thức: {found}, lẽ ra {wanted}",
        ),
        "wrong_echo": (
            "unit {unit}, function {function}: wrong echo: {found}, not {wanted}",
            "địa chỉ {unit}, hàm {function}: xác nhận sai: {found}, lẽ ra {wanted}",
        ),
        "exception": (
            "unit {unit}, function {function}: exception {code}: {meaning}",
            "địa chỉ {unit}, hàm {function}: mã ngoại lệ {code}: {meaning}",
        ),
        "wrong_device": (
            "not the device of its profile: {profile} has {point} {wanted}, this one shows {found}",
            "không đúng thiết bị của hồ sơ: {profile} cho {point} {wanted}, máy này cho {found}",
        ),
        "wrong_device_refuses": (
            "not the device of its profile: {profile} has {point} {wanted}; {reason}",
            "không đúng thiết bị của hồ sơ: {profile} cho {point} {wanted}; {reason}",
        ),
        "wanted_range": ("{low} to {high}", "{low} đến {high}"),
        "wanted_text": ("beginning with '{begins}'", "bắt đầu bằng '{begins}'"),
        "wanted_part": ("containing '{part}'", "có chứa '{part}'"),
        "no_number": ("no number in range", "không phải số trong khoảng hợp lệ"),
    }
)


def line_down(key: str, **facts: object) -> LineDownError:
    """Return the error of a line by its key and facts."""
    return LineDownError(TEXTS.text(key, "en", **facts), vi=TEXTS.text(key, "vi", **facts))


def frame_error(fault: Fault, key: str, **facts: object) -> FrameError:
    """Return the error of an answer by its key and facts."""
    return FrameError(fault, TEXTS.text(key, "en", **facts), vi=TEXTS.text(key, "vi", **facts))
