"""What operators of headquarters do about WeChat Pay: enter keys, fetch and check bills, member cards, join links.

Made by sync.hq.service; used by sync.hq.wechat_admin and the command line.
"""

from collections.abc import Sequence
from pathlib import Path

from agent.domain.business_day import parse_day
from agent.domain.errors import Refusal
from agent.ports import Clock
from sync.hq import enrol, wechat_accounts, wechat_bills, wechat_cards, wechat_checks
from sync.hq.bounds import WECHAT_BILL_S, WECHAT_CALL_S
from sync.hq.db.seam import Connection
from sync.hq.keys import HqKeys
from sync.hq.wechat_accounts import Entry, Shown
from sync.hq.wechat_bills import BillReport
from sync.hq.wechat_calls import Books, WechatCalls
from sync.hq.wechat_cards import BrandCard
from sync.wechat import bill, cards
from sync.wechat.account import Account
from sync.wechat.bill import BillRow
from sync.wechat.cards import Generation
from sync.wechat.failures import WechatRefused, WechatUnreachable
from sync.wechat.states import Refused
from sync.wechat.strict_json import NotStrict
from sync.wechat.strict_json import read as read_json

_URL_CHARS = 1024


class WechatOffice:
    """The desk of people; errors of WeChat come through as they are, with their hints."""

    def __init__(self, books: Books, calls: WechatCalls, keys: HqKeys, clock: Clock) -> None:
        self._books = books
        self._calls = calls
        self._keys = keys
        self._clock = clock

    # --- accounts ---------------------------------------------------------------------------------------------------
    async def add(self, entry: Entry) -> None:
        """Enter a merchant, or new keys of one. Refusal WECHAT_ID_INVALID, WECHAT_KEY_INVALID, WECHAT_URL_INVALID."""
        now = self._clock.now_ms()
        await self._books.write(lambda c: wechat_accounts.put(c, self._keys, entry, now))

    async def trust(self, mch_id: str, serial: str, pem: str) -> None:
        """Trust a public key or certificate of WeChat's. Refusal WECHAT_KEY_INVALID, WECHAT_ACCOUNT_UNKNOWN (404)."""
        now = self._clock.now_ms()
        await self._books.write(lambda c: wechat_accounts.trust(c, mch_id, serial, pem, now))

    async def set_sub_appid(self, mch_id: str, sub_mch_id: str, sub_appid: str) -> None:
        """Name the appid in calls for a sub-merchant that has bound several."""
        await self._books.write(lambda c: wechat_accounts.set_sub_appid(c, mch_id, sub_mch_id, sub_appid))

    async def accounts(self) -> list[Shown]:
        """All accounts, without their keys."""
        return await self._books.read(lambda c: wechat_accounts.shown(c, self._keys))

    async def renew_certificates(self, mch_id: str) -> list[str]:
        """Fetch platform certificates under a key trusted already, and trust them; their serials.

        An account in public-key mode has none: WechatRefused, kind ABSENT.
        """
        account = await self._calls.account(mch_id)
        found = await self._calls.noted(mch_id, self._calls.v3.certificates(account, deadline_s=WECHAT_CALL_S))
        for one in found:
            await self.trust(mch_id, one.serial, one.pem.decode())
        return [one.serial for one in found]

    # --- bills ------------------------------------------------------------------------------------------------------
    async def check_bill(self, mch_id: str, day: str, file: Path | None = None) -> BillReport:
        """Fetch a day's bill (or read it from a file), keep it, and compare it with the books.

        Refusal WECHAT_DAY_INVALID, WECHAT_BILL_UNREADABLE, WECHAT_BILL_OTHER; WechatUnreachable, WechatUntrusted,
        WechatRefused where WeChat gives no bill. A day without payments has no bill: it counts as an empty one.
        """
        account = await self.known(mch_id, day)
        content = None if file is None else _read(file)
        if file is None:
            try:
                call = self._calls.v3.bill(account, day, deadline_s=WECHAT_BILL_S)
                content = await self._calls.noted(mch_id, call)
            except WechatRefused as error:
                if error.kind is not Refused.ABSENT:
                    raise
        return await self.compare(mch_id, day, [] if content is None else bill.read(content))

    async def known(self, mch_id: str, day: str) -> Account:
        """The account whose bill of a day is to be checked. Refusal WECHAT_DAY_INVALID, WECHAT_ACCOUNT_UNKNOWN."""
        try:
            parse_day(day)
        except ValueError:
            hint = "for instance 2026-11-21; a bill is there from 10 o'clock the next day"
            raise Refusal("WECHAT_DAY_INVALID", "the day must be YYYY-MM-DD", hint=hint, field="day") from None
        return await self._calls.account(mch_id)

    async def compare(self, mch_id: str, day: str, rows: Sequence[BillRow]) -> BillReport:
        """Keep a day's bill that was read, and compare it with the books. Refusal WECHAT_BILL_OTHER."""
        now = self._clock.now_ms()
        # ORDER: checks that nobody has read yet have no amount, and would all differ.
        while await self._books.write(lambda c: wechat_checks.prepare(c, now)):
            pass

        def work(connection: Connection) -> BillReport:
            wechat_bills.keep(connection, mch_id, day, rows, now)
            return wechat_bills.check(connection, mch_id, day, now)

        return await self._books.write(work)

    async def differences(self, mch_id: str = "", day: str = "") -> list[dict[str, object]]:
        """Open differences between tills and WeChat, newest first."""
        return await self._books.read(lambda c: wechat_bills.differences(c, mch_id, day))

    # --- cards ------------------------------------------------------------------------------------------------------
    async def set_card(self, card: BrandCard) -> None:
        """Say which member card a brand has at WeChat."""
        await self._books.write(lambda c: wechat_cards.put(c, card))

    async def link_card(self, brand_id: str, member_number: str, code: str, openid: str = "", shown: int = 0) -> None:
        """Say which card is a member's, and what balance WeChat shows on it now."""
        work = wechat_cards.link
        await self._books.write(lambda c: work(c, self._keys, brand_id, member_number, code, openid, shown))

    async def join_url(self, brand_id: str, scene: str) -> str:
        """What a join QR holds, by the brand's generation: its own page, or WeChat's link to the card.

        Refusal WECHAT_SCENE_INVALID, BRAND_UNKNOWN, WECHAT_NO_JOIN_PAGE.
        """
        card = await self._books.read(lambda c: wechat_cards.of_brand(c, brand_id))
        if card.generation is Generation.OPEN:
            ask = cards.join_ask(card.card_id, scene)
            account = await self._calls.account(card.mch_id)
            call = self._calls.v3.call(account, ask.method, ask.target, WECHAT_CALL_S, ask.body)
            return _url(await self._calls.noted(card.mch_id, call))
        row = await self._books.read(lambda c: enrol.brand_row(c, brand_id))
        if not row["join_url"]:
            hint = "`pos-agent hq init BRAND NAME --join-url ...`"
            raise Refusal("WECHAT_NO_JOIN_PAGE", "this brand has no join page", hint=hint, status=409)
        return cards.join_link(row["join_url"], scene)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        hint = "the file must be readable by HQ's own user"
        raise Refusal("WECHAT_BILL_UNREADABLE", f"{file}: {error.strerror}", hint=hint) from error


def _url(body: bytes) -> str:
    url: object = None
    try:
        url = read_json(body.decode()).get("url")
    except (UnicodeDecodeError, NotStrict):
        url = None
    if not isinstance(url, str) or not url.startswith(("http://", "https://")) or len(url) > _URL_CHARS:
        raise WechatUnreachable("the card's address cannot be read")
    return url
