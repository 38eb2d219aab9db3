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
        "several_frames": (
            "{found} frames; give one request and its answer, or one of them",
            "có {found} khung; hãy đưa một yêu cầu và trả lời của nó, hoặc một trong hai",
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
        "cut": (
            "the frame ends early: {found} of {wanted} bytes",
            "khung kết thúc sớm: {found} trong {wanted} byte",
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
        "registers_count": (
            "{found} registers; give 1 to {wanted}, such as 40001=17234,40002=0x4366",
            "có {found} thanh ghi; hãy ghi từ 1 đến {wanted}, ví dụ 40001=17234,40002=0x4366",
        ),
        "register_form": (
            "'{found}' has no value; write 40001=17234 or input:0x0000=0x4366",
            "'{found}' thiếu giá trị; hãy ghi 40001=17234 hoặc input:0x0000=0x4366",
        ),
        "register_place": (
            (
                "'{found}' is no register: five or six digits from 0, 1, 3 or 4 on (40001), or table and wire address "
                "(holding:0x0000, input:, coil:, discrete:)"
            ),
            (
                "'{found}' không phải thanh ghi: năm hoặc sáu chữ số bắt đầu bằng 0, 1, 3 hoặc 4 (40001), hoặc bảng và "
                "địa chỉ trên dây (holding:0x0000, input:, coil:, discrete:)"
            ),
        ),
        "register_value": (
            "'{found}': a register holds 0 to 65535 (or -32768 to 32767)",
            "'{found}': thanh ghi chứa 0 đến 65535 (hoặc -32768 đến 32767)",
        ),
        "register_state": (
            "'{found}': a coil or input is 0 or 1",
            "'{found}': coil hoặc ngõ vào chỉ là 0 hoặc 1",
        ),
        "register_twice": ("'{found}' is given twice", "'{found}' ghi hai lần"),
        "register_lacking": (
            "'{wanted}' lacks {found}",
            "'{wanted}' còn thiếu {found}",
        ),
        "register_unused": (
            "no point of the profile uses {found}",
            "không điểm đo nào của hồ sơ dùng {found}",
        ),
        "needs": (
            "depends on {found}, which is not given",
            "phụ thuộc {found}, chưa có",
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
