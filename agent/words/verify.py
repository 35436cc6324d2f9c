"""What the cashier page says while a member is verified, by key; given to it by `GET /v1/screen`.

Read through agent.wording.
"""

from typing import Final

VERIFY: Final[dict[str, tuple[str, str]]] = {
    "verify_title": ("验证会员 {member}", "Verify {member}"),
    "verify_pin": ("会员密码（六位数字）", "Member PIN, six digits"),
    "verify_pin_hint": (
        "请顾客自己输入；也可出示动态码",
        "The customer types it themselves, or shows the dynamic code",
    ),
    "verify_phone": ("手机号（请顾客报号）", "Phone number, as the customer says it"),
    "verify_phone_hint": ("只发给会员登记的手机", "Sent only to the phone this member gave"),
    "verify_code": ("短信验证码（六位数字）", "Code from the message, six digits"),
    "verify_code_hint": ("短信已发送，{minutes} 分钟内有效", "Sent; it serves for {minutes} minutes"),
    "verify_go": ("验证 Enter", "Verify (Enter)"),
    "verify_send": ("发送短信 Enter", "Send it (Enter)"),
    "verify_by_pin": ("会员密码", "Member PIN"),
    "verify_by_phone": ("短信验证码", "Code by SMS"),
    "verify_six": ("请输入六位数字", "Six digits are needed"),
    "verify_waiting": ("正在向总部核验……", "Asking headquarters..."),
    "verify_wrong": ("{why}（刚才已错 {count} 次）", "{why} (wrong {count} times just now)"),
}
