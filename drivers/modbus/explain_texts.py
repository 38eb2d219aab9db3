"""What can be said about a captured frame, in both languages."""

from __future__ import annotations

from typing import Final

from config.language import Texts

TEXTS: Final = Texts(
    {
        "not_hex": (
            "'{found}' is not two hexadecimal digits; write bytes such as 01 04 04 43 67 af 55 e2 10",
            "'{found}' không phải hai chữ số thập lục phân; hãy ghi các byte như 01 04 04 43 67 af 55 e2 10",
        ),
        "too_long": (
            "{found} bytes; a Modbus frame has at most {wanted}",
            "có {found} byte; một khung Modbus có nhiều nhất {wanted} byte",
        ),
        "too_short": (
            "{found} bytes; the shortest frame has {wanted}",
            "có {found} byte; khung ngắn nhất có {wanted} byte",
        ),
        "crc": (
            "the CRC is {found}, these bytes need {wanted}: damaged on the line, cut, or not a whole frame",
            "CRC là {found}, nhưng các byte này cần {wanted}: bị hỏng trên đường truyền, bị cắt hoặc chưa đủ khung",
        ),
        "lrc": (
            "the LRC is {found}, these bytes need {wanted}: damaged on the line, cut, or not a whole frame",
            "LRC là {found}, nhưng các byte này cần {wanted}: bị hỏng trên đường truyền, bị cắt hoặc chưa đủ khung",
        ),
        "truncated": (
            "the frame ends early: {found} bytes of data, its byte count says {wanted}",
            "khung kết thúc sớm: có {found} byte dữ liệu, trường độ dài ghi {wanted}",
        ),
        "surplus": (
            "{found} bytes of data follow, the byte count says {wanted}",
            "có {found} byte dữ liệu theo sau, nhưng trường độ dài ghi {wanted}",
        ),
        "odd": (
            "{found} bytes of data are no whole number of registers",
            "{found} byte dữ liệu không tròn số thanh ghi",
        ),
        "protocol": (
            "the MBAP protocol id is {found}; Modbus has {wanted}",
            "mã giao thức trong MBAP là {found}; Modbus dùng {wanted}",
        ),
        "mbap_length": (
            "the MBAP header announces {wanted} bytes, {found} follow",
            "phần đầu MBAP báo {wanted} byte, thực có {found} byte",
        ),
        "function": (
            "function {found} is not one that is explained here (1 to 6, 15, 16)",
            "mã hàm {found} không thuộc các hàm được giải thích ở đây (1 đến 6, 15, 16)",
        ),
        "exception": (
            "the device answers with exception {found}: {meaning}",
            "thiết bị trả lời bằng mã ngoại lệ {found}: {meaning}",
        ),
        "not_the_answer": (
            "not the answer to that request: {found}",
            "không phải câu trả lời cho yêu cầu đó: {found}",
        ),
        "request_unclear": (
            "the request given is not a sound read or write request",
            "yêu cầu đi kèm không phải là khung yêu cầu đọc hoặc ghi hợp lệ",
        ),
        "no_points": (
            "the profile has no points that an answer of this function and length could hold",
            "hồ sơ thiết bị không có điểm đo nào khớp với mã hàm và độ dài này",
        ),
        "unknown_address": (
            "the frame does not say which address it is of: {found} readings are possible; give the request",
            "khung không cho biết địa chỉ: có {found} cách đọc; hãy cung cấp khung yêu cầu",
        ),
        "exception_1": ("illegal function", "mã hàm không được hỗ trợ"),
        "exception_2": ("illegal data address", "địa chỉ dữ liệu không hợp lệ"),
        "exception_3": ("illegal data value", "giá trị dữ liệu không hợp lệ"),
        "exception_4": ("device failure", "thiết bị bị lỗi"),
        "exception_5": ("acknowledge, still working on it", "đã nhận, đang xử lý"),
        "exception_6": ("busy", "thiết bị đang bận"),
        "exception_7": ("negative acknowledge", "từ chối thực hiện"),
        "exception_8": ("memory parity error", "lỗi chẵn lẻ bộ nhớ"),
        "exception_10": ("gateway path unavailable", "cổng kết nối không có đường tới thiết bị"),
        "exception_11": ("the gateway's target does not answer", "thiết bị phía sau cổng kết nối không trả lời"),
        "exception_other": ("not in the standard", "không có trong tiêu chuẩn"),
    }
)
