"""Why the collector refuses a request, or a command did not end well: its fixed words, in both languages."""

from __future__ import annotations

from typing import Final

from config.language import Texts

REFUSALS: Final = Texts(
    {
        # What the collector refuses, by its fixed words.
        "no_unknown_account": (
            "the account '{account}' is no user in 'commands.users' of the collector's configuration",
            "tài khoản '{account}' không có trong 'commands.users' của cấu hình bộ thu thập",
        ),
        "no_not_your_operation": (
            "user '{user}' may not do this: '{operation}' is not among the operations",
            "người dùng '{user}' không được làm việc này: thiếu quyền '{operation}'",
        ),
        "no_unknown_name": ("no {kind} '{name}'{nearest}", "không có {kind} '{name}'{nearest}"),
        "nearest": ("; did you mean {names}?", "; có phải {names}?"),
        "kind_cabinet": ("cabinet", "tủ"),
        "kind_street": ("street", "đường"),
        "kind_ward": ("ward", "phường/xã"),
        "kind_feeder": ("feeder", "lộ cấp điện"),
        "kind_tag": ("tag", "nhãn"),
        "no_nothing_to_touch": ("there is nothing to do there", "không có gì để làm ở đó"),
        "no_changed_since": (
            "the inventory changed since it was shown: look again",
            "danh mục đã thay đổi sau khi hiển thị: hãy xem lại",
        ),
        "no_too_many": (
            "too many commands within a minute: again in {wait_s} s",
            "quá nhiều lệnh trong một phút: thử lại sau {wait_s} giây",
        ),
        "no_too_many_open": ("{most} orders are under way: wait", "{most} lệnh đang thực hiện: hãy chờ"),
        "no_until_out_of_range": (
            "the end must lie at least a minute and at most {days} days ahead",
            "giờ kết thúc phải cách ít nhất một phút và nhiều nhất {days} ngày",
        ),
        "no_no_such_order": ("there is no order {order}", "không có lệnh {order}"),
        "no_no_such_rollout": ("there is no rollout {rollout}", "không có đợt {rollout}"),
        "no_no_such_version": ("there is no version {version}", "không có phiên bản {version}"),
        "no_nothing_held": ("nothing is held in rollout {rollout}", "không còn gateway nào chờ trong đợt {rollout}"),
        "no_nothing_to_roll_back": (
            "none of these gateways was given a calendar by the centre",
            "chưa gateway nào trong số này được trung tâm giao lịch",
        ),
        "no_first_not_applied": (
            "{count} of the first gateways have not applied it ({gateways}); see `calendar status`, or --regardless",
            "{count} gateway đầu chưa áp dụng ({gateways}); xem `calendar status`, hoặc dùng --regardless",
        ),
        "no_bad_calendar": ("the calendar is wrong at {where}: {why}", "lịch sai tại {where}: {why}"),
        "no_calendar_too_long": (
            "the calendar makes {bytes} bytes, at most {most} go to a gateway: name fewer dates",
            "lịch dài {bytes} byte, gateway chỉ nhận {most}: hãy bớt ngày",
        ),
        "no_too_many_nights": ("at most {most} cabinet nights at once", "nhiều nhất {most} đêm-tủ một lần"),
        "no_bad_request": (
            "the collector does not understand the request ({where}: {why}): are both of one version?",
            "bộ thu thập không hiểu yêu cầu ({where}: {why}): hai bên có cùng phiên bản không?",
        ),
        "no_nothing_chosen": (
            "say which lamps: names, or all, not both",
            "hãy nói rõ đèn nào: theo tên, hoặc tất cả, không dùng cả hai",
        ),
        "no_calendar_is_whole": (
            "a calendar is for a whole gateway: leave --circuit out",
            "lịch dành cho cả gateway: hãy bỏ --circuit",
        ),
        "no_override_needs": (
            "an override needs a level, an end and a reason",
            "lệnh tạm thời cần mức sáng, giờ kết thúc và lý do",
        ),
        "no_permit_needs": ("a work permit needs a reason", "phiếu công tác cần lý do"),
        "keys_missing": (
            "{count} gateways have no usable command key in {folder}: {names}; nobody can command them",
            "{count} gateway chưa có khóa lệnh dùng được trong {folder}: {names}; không ai điều khiển được",
        ),
        "no_busy": ("the collector is busy: try again", "bộ thu thập đang bận: hãy thử lại"),
        "no_not_kept": (
            "the collector cannot write it down, so it did nothing: {why}",
            "bộ thu thập không ghi được nên chưa làm gì: {why}",
        ),
        "no_other": ("refused: {code} {facts}", "bị từ chối: {code} {facts}"),
        # Why a command did not end well, by the fixed words of gateways and of ours.
        "why_gateway_away": ("the gateway was away", "gateway mất liên lạc"),
        "why_no_answer": ("sent, and nothing was told of it", "đã gửi nhưng không có hồi âm"),
        "why_no_key": ("no command key", "không có khóa lệnh"),
        "why_permit": ("a work permit holds it", "đang có phiếu công tác"),
        "why_local_override": ("selector in manual", "khóa chọn ở tay"),
        "why_did_not_close": ("contactor did not close", "công tắc tơ không đóng"),
        "why_did_not_open": ("contactor did not open (welded?)", "công tắc tơ không mở (dính?)"),
        "why_line_open": ("closed, but no current: fuse or cable", "đã đóng nhưng không có dòng: cầu chì hoặc cáp"),
        "why_meter_silent": ("the meter does not answer", "công tơ không trả lời"),
        "why_relay_silent": ("the relay board does not answer", "mạch rơ-le không trả lời"),
        "why_feedback_silent": (
            "the contactor's own contact is not read",
            "không đọc được tiếp điểm báo của công tắc tơ",
        ),
        "why_power_remains": ("open, but power flows still", "đã mở nhưng vẫn còn công suất"),
        "why_relay_differs": ("the relay shows something else than was written", "rơ-le khác với lệnh đã ghi"),
        "why_superseded": ("a newer command took its place", "lệnh mới hơn đã thay thế"),
        "why_starting": ("the gateway has just started", "gateway vừa khởi động"),
        "why_resting": ("the lamps must cool first", "đèn phải nguội trước"),
        "why_waiting": ("its turn has not come yet", "chưa đến lượt"),
        "why_until_has_passed": ("its end has passed", "đã quá giờ kết thúc"),
        "why_cannot_be_kept": ("the gateway cannot write it down", "gateway không ghi lại được"),
        "why_use_override": ("this point is a circuit of the lights", "điểm này là một mạch đèn"),
        "why_cannot_be_sent": (
            "too many circuits, or names that the gateway cannot have",
            "quá nhiều mạch, hoặc tên mạch gateway không thể có",
        ),
        "why_no_supply": ("the cabinet has no mains", "tủ mất điện lưới"),
        "why_not_proved": (
            "switched, but nothing there could prove it",
            "đã đóng cắt nhưng tủ không có gì để chứng minh",
        ),
        "why_not_proved_in_time": ("switched, but not proved in time", "đã đóng cắt nhưng chưa chứng minh kịp"),
        "why_no_such_circuit": ("the gateway has no such circuit", "gateway không có mạch này"),
        "why_no_dimmer": ("it has no dimmer", "không có bộ điều chỉnh độ sáng"),
        "why_no_permit": ("there was no work permit", "không có phiếu công tác"),
        "why_no_lights": ("the gateway has no circuits configured", "gateway chưa cấu hình mạch đèn"),
        "why_until_too_far": ("it would last too long for this gateway", "kéo dài quá mức gateway cho phép"),
        "why_past_not_after": ("it came too late", "lệnh đến quá muộn"),
        "why_id_too_old": ("it came too late", "lệnh đến quá muộn"),
        "why_not_allowed": ("the gateway's list does not allow it", "danh sách của gateway không cho phép"),
        "why_out_of_range": ("out of the range that the gateway allows", "ngoài giới hạn gateway cho phép"),
        "why_not_signed": ("it was not signed", "lệnh không có chữ ký"),
        "why_bad_signature": ("the key at the gateway differs", "khóa tại gateway khác"),
        "why_no_command_key": ("the gateway has no command key", "gateway chưa có khóa lệnh"),
        "why_clock_not_synchronised": ("the gateway's clock is not set", "đồng hồ gateway chưa đúng giờ"),
        "why_other_connection": ("it reconnected meanwhile", "gateway vừa kết nối lại"),
        "why_older_than_last_accepted": ("a newer command came first", "lệnh mới hơn đã đến trước"),
    }
)
