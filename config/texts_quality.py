"""What is said of averages, calibrations, doubts and maintenance switches, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

QUALITY: Final = {
    "period_divides": (
        "{period} s is no whole part of an hour, such as 60, 300 or 3600",
        "{period} giây không chia hết một giờ; ví dụ 60, 300 hoặc 3600",
    ),
    "stands_twice": ("{name} stands twice", "{name} có hai lần"),
    "rating_not_averaged": (
        "'{point}' does not stand in points",
        "'{point}' không có trong points",
    ),
    "no_moment": (
        "'{text}' is no date and time with its zone, such as 2026-11-20T08:00+07:00",
        "'{text}' không phải ngày giờ kèm múi giờ, ví dụ 2026-11-20T08:00+07:00",
    ),
    "valid_backwards": (
        "valid_to is not later than valid_from",
        "valid_to phải sau valid_from",
    ),
    "calibration_due": (
        "the calibration of '{point}' ended on {when}: its values are suspect until there is a new one",
        "hiệu chuẩn '{point}' đã hết hạn {when}: giá trị bị coi là đáng ngờ đến lần hiệu chuẩn mới",
    ),
    "slope_zero": ("a of 0 would make every value the same", "a bằng 0 làm mọi giá trị như nhau"),
    "calibrations_rise": (
        "a calibration of '{point}' before it begins at the same time or later: list them in the order of time",
        "một lần hiệu chuẩn '{point}' phía trên bắt đầu cùng lúc hoặc sau: hãy xếp theo thứ tự thời gian",
    ),
    "only_with_average": ("only with average: {average}", "chỉ dùng với average: {average}"),
    "averaged_kind": (
        "'{point}' holds no numbers, so that it has no average",
        "'{point}' không phải số đo nên không có trung bình",
    ),
    "averaged_once": (
        "'{point}' is read once only, so that it has no average",
        "'{point}' chỉ đọc một lần nên không có trung bình",
    ),
    "averaged_slow": (
        "'{point}' is read every {interval:g} s, so that a period of {period} s may hold no sample of it",
        "'{point}' cứ {interval:g} giây mới đọc, kỳ {period} giây có thể không có mẫu nào",
    ),
    "averaged_with": (
        "'{point}' needs '{other}' for its average: the device must read both equally often",
        "trung bình của '{point}' cần '{other}': thiết bị phải đọc cả hai với cùng chu kỳ",
    ),
    "median_long": (
        "a median over {period} s of '{point}', read every {interval:g} s, keeps more than {most} samples",
        "trung vị {period} giây của '{point}', đọc mỗi {interval:g} giây, phải giữ hơn {most} mẫu",
    ),
    "rating_no_counter": ("'{point}' is no counter", "'{point}' không phải bộ đếm"),
    "derived_name": (
        "'{name}', which is made of '{point}', is no possible name: longer than {most} characters, or taken",
        "tên '{name}' tạo từ '{point}' không dùng được: dài quá {most} ký tự hoặc đã có",
    ),
    "derived_many": (
        "with its averages and raw values this device has {count} points; at most {most}",
        "kể cả trung bình và giá trị thô, thiết bị có {count} điểm; tối đa {most}",
    ),
    "calibrated_kind": (
        "'{point}' cannot be calibrated: only measured numbers that no command writes can",
        "không hiệu chuẩn được '{point}': chỉ áp dụng cho số đo mà không lệnh nào ghi",
    ),
    "switch_no_input": ("'{point}' is no input (bool)", "'{point}' không phải ngõ vào (bool)"),
    "switch_own_counter": (
        "'{point}' belongs to a pulse counter; name an input of a polled device",
        "'{point}' thuộc bộ đếm xung; hãy ghi ngõ vào của một thiết bị được đọc",
    ),
    "doubt_limit": (
        "above or below must say from which value on",
        "phải có above hoặc below để biết từ giá trị nào",
    ),
    "doubt_always": ("below must be smaller than above", "below phải nhỏ hơn above"),
    "doubt_itself": ("'{point}' cannot witness against itself", "'{point}' không thể tự làm chứng cho mình"),
    "doubt_no_number": ("'{point}' holds no numbers", "'{point}' không phải số đo"),
    "doubt_once": (
        "'{point}' is read once only: it cannot tell how it is now",
        "'{point}' chỉ đọc một lần nên không cho biết hiện trạng",
    ),
    "doubt_old": (
        "'{point}' is read every {interval:g} s, and counts for {age:g} s only: make max_age_s longer",
        "'{point}' cứ {interval:g} giây mới đọc mà chỉ được tính trong {age:g} giây: hãy tăng max_age_s",
    ),
    "dust_alone": (
        "'{device}' sees dust by light, too much of it above 70 % humidity: name a hygrometer near it in doubts",
        "'{device}' đo bụi bằng ánh sáng, độ ẩm trên 70 % sẽ báo cao: hãy ghi một ẩm kế gần đó trong doubts",
    ),
}
