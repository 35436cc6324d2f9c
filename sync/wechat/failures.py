"""How a call to WeChat fails, by what must happen next; drawn here, raised by transport, v2_calls and v3_calls.

SyncError
  WechatUnreachable   nobody answered in time, or WeChat could not do it now: nothing is decided, ask again later
  WechatUntrusted     what answered is not signed by WeChat: nothing of it may be used
  WechatRefused       WeChat said no; `kind` says who must act (S62), `code` is WeChat's own word
A key that was never entered is no word of WeChat's: a plain Refusal, before anybody is asked.

No message ever holds a payment code, an openid, a key or a text of WeChat's: only error codes of WeChat's form.
"""

from typing import Final

from agent.domain.errors import SyncError
from sync.wechat.states import Refused

_HINTS: Final[dict[Refused, str]] = {
    Refused.SIGNATURE: "generate the key anew on the merchant platform and enter it with `pos-agent hq wechat add`",
    Refused.PERMISSION: "escalate to whoever holds the merchant account: the permission, the appid's binding or the"
    " sub-merchant's authorisation is missing; no new key helps",
    Refused.CODE: "ask the customer to refresh the payment code",
    Refused.ABSENT: "WeChat knows no such thing; check the merchant number it was asked under",
    Refused.RATE: "wait; WeChat limits how often this is asked",
    Refused.REQUEST: "this is a mistake of the program: report the code with the log",
}
NEEDS_KEY: Final = "enter it with `pos-agent hq wechat add`"


class WechatUnreachable(SyncError):
    """Nothing is decided; ask again later."""


class WechatUntrusted(SyncError):
    """The answer does not carry WeChat's signature; nothing of it was used."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"an answer was not signed by WeChat: {why}",
            hint="check HQ's clock, the keys entered with `pos-agent hq wechat add` and `... wechat trust`, and the way"
            " to WeChat; if it persists, somebody may stand in between",
        )


class WechatRefused(SyncError):
    """WeChat said no."""

    def __init__(self, code: str, kind: Refused) -> None:
        super().__init__(f"WeChat refused: {code}", hint=_HINTS[kind])
        self.code = code
        self.kind = kind
