"""Why nobody was identified, as refusals; none repeats what was scanned. Raised by agent.identify alone."""

from agent.domain.errors import Refusal
from sync.wechat.states import State


def member_unknown() -> Refusal:
    """MEMBER_UNKNOWN (404)."""
    return Refusal(
        "MEMBER_UNKNOWN",
        "no member of this brand is known by this code",
        hint="sell without a member, or offer to join; a member who joined just now appears with the next pull",
        status=404,
    )


def unreadable_code() -> Refusal:
    """CODE_UNREADABLE (422)."""
    return Refusal(
        "CODE_UNREADABLE",
        "the text has the form of no code the till knows",
        hint="scan again; if it persists, switch the input method to English and test the scanner",
    )


def not_complete(state: State) -> Refusal:
    """PAYMENT_NOT_COMPLETE (409): what WeChat says instead."""
    hint = "query the order every 5 s up to 45 s, then hand over that answer" if state.is_open else "it was not paid"
    return Refusal("PAYMENT_NOT_COMPLETE", f"WeChat says {state.value}", hint=hint, status=409)
