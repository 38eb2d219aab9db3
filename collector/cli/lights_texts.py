"""What `collector lights` says, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

from config.language import Texts

TEXTS: Final = Texts(
    {
        "help": (
            "See and command the city's lights; write, preview and publish their calendars.",
            "Xem và điều khiển đèn của thành phố; soạn, xem trước và giao lịch chiếu sáng.",
        ),
        "exit_codes": (
            (
                "Exit codes: 0 done everywhere; 1 somewhere not done (the list says why), or nothing found; 2 wrong "
                "usage; 3 a file is wrong; 6 the collector does not answer; 7 refused."
            ),
            (
                "Mã thoát: 0 xong ở mọi nơi; 1 có nơi chưa xong (danh sách cho biết lý do), hoặc không tìm thấy; "
                "2 sai cú pháp; 3 tệp sai; 6 bộ thu thập không trả lời; 7 bị từ chối."
            ),
        ),
        "help_status": ("Show what the lamps do and why.", "Xem đèn đang thế nào và vì sao."),
        "help_on": (
            "Light lamps for a time; then the calendar has them back.",
            "Bật đèn trong một khoảng thời gian; sau đó trở lại theo lịch.",
        ),
        "help_off": (
            "Put lamps out for a time; then the calendar has them back.",
            "Tắt đèn trong một khoảng thời gian; sau đó trở lại theo lịch.",
        ),
        "help_level": (
            "Set lamps to a level (percent) for a time; then the calendar has them back.",
            "Đặt mức sáng (phần trăm) trong một khoảng thời gian; sau đó trở lại theo lịch.",
        ),
        "help_release": ("Give lamps back to the calendar now.", "Trả đèn về theo lịch ngay."),
        "help_permit": (
            "Work permits: lamps held off while people work, until somebody closes it. It does not replace isolation.",
            (
                "Phiếu công tác: giữ đèn tắt khi có người làm việc, đến khi có người đóng phiếu. Không thay cho "
                "việc cô lập nguồn điện."
            ),
        ),
        "help_lamp_test": (
            "Light lamps for a crew on site, by day as well; ends by itself.",
            "Bật đèn cho tổ tại hiện trường, kể cả ban ngày; tự kết thúc.",
        ),
        "help_read": ("Let gateways read their devices now.", "Yêu cầu gateway đọc thiết bị ngay."),
        "opt_minutes": ("How long it lasts.", "Kéo dài bao nhiêu phút."),
        "help_open": ("Open a work permit.", "Mở phiếu công tác."),
        "help_close": ("Close a work permit.", "Đóng phiếu công tác."),
        "help_plan": (
            "Show what the calendar has lamps do in the coming nights.",
            "Xem lịch sẽ bật tắt đèn thế nào trong những đêm tới.",
        ),
        "help_orders": ("List the newest orders.", "Liệt kê các lệnh mới nhất."),
        "help_show": ("Show how far an order has come.", "Xem một lệnh đã thực hiện đến đâu."),
        "help_audit": ("Show who ordered what.", "Xem ai đã ra lệnh gì."),
        "opt_socket": (
            "Where the collector listens; as its configuration says if not given.",
            "Nơi bộ thu thập lắng nghe; theo tệp cấu hình nếu không ghi.",
        ),
        "opt_cabinet": ("This cabinet, by id or name; may be repeated.", "Tủ này, theo mã hoặc tên; có thể lặp lại."),
        "opt_street": ("Cabinets of this street.", "Các tủ trên đường này."),
        "opt_ward": ("Cabinets of this ward, by id or name.", "Các tủ của phường/xã này, theo mã hoặc tên."),
        "opt_feeder": ("Cabinets on this feeder.", "Các tủ trên lộ cấp điện này."),
        "opt_tag": ("Cabinets with this tag.", "Các tủ có nhãn này."),
        "opt_all": ("All cabinets of the city.", "Mọi tủ của thành phố."),
        "opt_circuit": ("Only this circuit of each cabinet; may be repeated.", "Chỉ mạch này của mỗi tủ; có thể lặp."),
        "opt_for": ("How long: 30m, 2h, 1d.", "Trong bao lâu: 30m, 2h, 1d."),
        "opt_until": (
            "Until when: 22:30 (the next one), or 2026-11-25T05:00.",
            "Đến khi nào: 22:30 (lần tới), hoặc 2026-11-25T05:00.",
        ),
        "opt_until_permit": (
            "Its planned end; when it passes, an alarm asks, and the lamps stay off.",
            "Giờ dự kiến xong; quá giờ thì có cảnh báo, đèn vẫn tắt.",
        ),
        "opt_reason": ("Why; stands in the audit and at the cabinet.", "Lý do; ghi vào nhật ký và hiện tại tủ."),
        "opt_yes_count": (
            "Go on without asking if exactly so many cabinets are touched.",
            "Làm ngay không hỏi nếu đúng bằng này tủ bị tác động.",
        ),
        "opt_patience": (
            "How long the command is offered to gateways that are away: 10m, 2h.",
            "Giữ lệnh bao lâu cho gateway đang mất liên lạc: 10m, 2h.",
        ),
        "opt_no_wait": ("Do not wait for the answers.", "Không chờ kết quả."),
        "opt_nights": ("How many nights.", "Bao nhiêu đêm."),
        "opt_limit": ("How many.", "Bao nhiêu dòng."),
        "opt_check": ("Follow the whole chain of the audit.", "Kiểm tra toàn bộ chuỗi nhật ký."),
        "unreachable": (
            "the collector does not answer at its socket: {error}. Does it run, and may you use the socket?",
            "bộ thu thập không trả lời tại socket: {error}. Nó có đang chạy không, và bạn có quyền dùng socket không?",
        ),
        "no_selection": (
            "say which lamps: --cabinet, --street, --ward, --feeder, --tag or --all",
            "hãy nói rõ đèn nào: --cabinet, --street, --ward, --feeder, --tag hoặc --all",
        ),
        "for_or_until": (
            "say how long: --for 2h, or --until 22:30",
            "hãy nói trong bao lâu: --for 2h, hoặc --until 22:30",
        ),
        "touches": (
            "{what}: {cabinets} cabinets behind {gateways} gateways, {lamps} lamps",
            "{what}: {cabinets} tủ sau {gateways} gateway, {lamps} đèn",
        ),
        "what_override": ("level {level} % until {until}", "mức {level} % đến {until}"),
        "what_release": ("back to the calendar", "trở lại theo lịch"),
        "what_permit_open": ("work permit, held OFF", "phiếu công tác, giữ TẮT"),
        "what_permit_until": (
            "work permit, held OFF, planned until {until}",
            "phiếu công tác, giữ TẮT, dự kiến đến {until}",
        ),
        "what_permit_close": ("close the work permit", "đóng phiếu công tác"),
        "what_calendar": ("publish the calendar {name}", "giao lịch {name}"),
        "what_rollback": ("back to the calendar before", "quay về lịch trước đó"),
        "what_read": ("read now", "đọc ngay"),
        "what_lamp_test": ("lamp test", "thử đèn"),
        "and_more": ("… and {count} more", "… và {count} tủ khác"),
        "away": ("away; offered until {time}", "mất liên lạc; giữ lệnh đến {time}"),
        "away_calendar": ("away; takes it when it comes back", "mất liên lạc; sẽ nhận khi có lại"),
        "left_out": ("left out: {count}", "không thực hiện: {count}"),
        "cause_class_never_switched": ("never switched (its class)", "loại tủ không bao giờ đóng cắt"),
        "cause_not_your_area": ("not in your area", "ngoài khu vực của bạn"),
        "cause_no_key": ("no command key for its gateway", "gateway chưa có khóa lệnh"),
        "cause_shares_gateway": (
            "shares its gateway, and the inventory does not name its circuits",
            "dùng chung gateway, danh mục chưa ghi mạch của tủ này",
        ),
        "cause_no_such_circuit": ("has no such circuit", "không có mạch này"),
        "type_count": ("type {count} to go on: ", "gõ {count} để tiếp tục: "),
        "not_confirmed": ("nothing was done", "chưa làm gì cả"),
        "count_differs": (
            "{count} cabinets would be touched, not {given}: nothing was done",
            "sẽ tác động {count} tủ, không phải {given}: chưa làm gì cả",
        ),
        "no_terminal": (
            "no terminal to ask at: give --yes-count {count}",
            "không có màn hình để hỏi: hãy dùng --yes-count {count}",
        ),
        "nothing_to_touch": ("there is nothing to do there", "không có gì để làm ở đó"),
        "order_taken": ("order {order}", "lệnh {order}"),
        "interrupted": (
            "the order goes on without you; `collector lights show {order}`",
            "lệnh vẫn tiếp tục; xem `collector lights show {order}`",
        ),
        "state_waiting": ("waiting", "đang chờ"),
        "state_sent": ("sent", "đã gửi"),
        "state_accepted": ("begun", "đang làm"),
        "state_done": ("done", "xong"),
        "state_rejected": ("refused", "bị từ chối"),
        "state_expired": ("expired", "quá hạn"),
        "state_failed": ("FAILED", "HỎNG"),
        "state_unknown": ("no answer", "không rõ"),
        "all_done": ("done at all {count}", "xong tại cả {count}"),
        "not_all_done": ("done at {done} of {count}", "xong tại {done} trên {count}"),
        "col_gateway": ("GATEWAY", "GATEWAY"),
        "col_cabinets": ("CABINETS", "TỦ"),
        "col_state": ("STATE", "TRẠNG THÁI"),
        "col_why": ("WHY", "VÌ SAO"),
        "col_cabinet": ("CABINET", "TỦ"),
        "col_street": ("STREET", "ĐƯỜNG"),
        "col_level": ("LEVEL", "MỨC"),
        "col_reason": ("BECAUSE OF", "DO"),
        "col_circuits": ("CIRCUITS", "MẠCH"),
        "col_next": ("NEXT", "KẾ TIẾP"),
        "col_note": ("NOTE", "GHI CHÚ"),
        "col_order": ("ORDER", "LỆNH"),
        "col_when": ("WHEN", "LÚC"),
        "col_who": ("WHO", "AI"),
        "col_what": ("WHAT", "VIỆC"),
        "col_result": ("DONE", "XONG"),
        "col_night": ("NIGHT", "ĐÊM"),
        "col_program": ("PROGRAM", "CHƯƠNG TRÌNH"),
        "col_steps": ("LAMPS", "ĐÈN"),
        "col_rev": ("REV", "BẢN"),
        "col_calendar": ("CALENDAR", "LỊCH"),
        "col_standing": ("STANDING", "TÌNH TRẠNG"),
        "col_version": ("VERSION", "PHIÊN BẢN"),
        "col_gateways": ("GATEWAYS", "SỐ GATEWAY"),
        "because_program": ("program", "chương trình"),
        "because_exception": ("exception", "ngoại lệ"),
        "because_photocell": ("photocell", "cảm biến ánh sáng"),
        "because_dark_day": ("dark day", "trời tối"),
        "because_default": ("default", "mặc định"),
        "because_fallback": ("fallback: no clock", "dự phòng: mất đồng hồ"),
        "because_override": ("override", "lệnh tạm thời"),
        "because_permit": ("work permit", "phiếu công tác"),
        "because_local": ("selector in manual", "khóa chọn ở tay"),
        "note_away": ("away", "mất liên lạc"),
        "note_permit": ("permit: {by}", "phiếu công tác: {by}"),
        "note_overdue": ("permit OVERDUE: {by}", "phiếu QUÁ GIỜ: {by}"),
        "note_local": ("selector in manual", "khóa chọn ở tay"),
        "note_watched": ("watched only", "chỉ giám sát"),
        "note_held": ("held in rollout {rollout}", "chờ trong đợt {rollout}"),
        "legend": (
            "+ lit, - dark, ! not as wanted, ? not known",
            "+ sáng, - tắt, ! không đúng lệnh, ? chưa rõ",
        ),
        "dark": ("dark", "tắt"),
        "own_file": ("(own file)", "(tệp tại tủ)"),
        "standing_none": ("own file", "theo tệp tại tủ"),
        "standing_waiting": ("waiting", "đang chờ"),
        "standing_applied": ("applied", "đã áp dụng"),
        "standing_differs": ("DIFFERS", "KHÁC"),
        "standing_refused": ("REFUSED", "TỪ CHỐI"),
        "audit_whole": ("the audit is whole", "nhật ký nguyên vẹn"),
        "audit_broken": (
            "the audit is BROKEN at entry {id}: it was changed or cut outside this software",
            "nhật ký BỊ SỬA từ dòng {id}: đã bị thay đổi hoặc cắt bên ngoài phần mềm",
        ),
        "none_found": ("nothing there", "không có gì"),
    }
)
