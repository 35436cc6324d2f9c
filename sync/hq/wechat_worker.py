"""HQ's own work with WeChat: confirm what tills assert, tell member cards their balances. One question at a time.

Made by sync.hq.service, run by sync.hq.server while HQ serves; tests drive its steps. All it has to do stands in rows,
so a restart goes on where it stopped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from agent.domain.errors import DiskLow, Refusal, StorageError, SyncError
from agent.ports import Clock, Entropy
from sync.hq import poison, wechat_accounts, wechat_cards, wechat_checks, wechat_payers, wechat_payments
from sync.hq.bounds import WECHAT_CALL_S, WECHAT_IDLE_S, WECHAT_PAUSE_S, WECHAT_PAYER_KEPT_S
from sync.hq.db.seam import Connection, DatabaseAway
from sync.hq.keys import HqKeys
from sync.hq.wechat_calls import FOR_A_PERSON, Books, WechatCalls
from sync.hq.wechat_checks import Check
from sync.hq.wechat_payments import Said
from sync.wechat import cards
from sync.wechat.failures import WechatRefused, WechatUnreachable, WechatUntrusted
from sync.wechat.states import Refused, State


class WechatWorker:
    """Confirms and tells; `wake` is set by whoever knows of news."""

    def __init__(
        self, books: Books, calls: WechatCalls, keys: HqKeys, clock: Clock, entropy: Entropy, wake: asyncio.Event
    ) -> None:
        self._books = books
        self._calls = calls
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._wake = wake

    # --- confirming what tills assert -------------------------------------------------------------------------------
    async def prepare(self) -> bool:
        """Read new checks and changed balances, forget old payers; False when there was nothing."""
        now = self._clock.now_ms()

        def work(connection: Connection) -> int:
            wechat_payments.forget_payers(connection, now - WECHAT_PAYER_KEPT_S * 1000)
            return wechat_checks.prepare(connection, now) + wechat_cards.look(connection, self._entropy, now)

        return await self._books.write(work) > 0

    async def confirm_some(self, pause: Callable[[], Awaitable[None]] | None = None) -> int:
        """Confirm what is due, one question at a time with `pause` between; how many checks were looked at."""
        now = self._clock.now_ms()
        looked = 0
        for mch_id in await self._books.read(lambda c: wechat_accounts.awake(c, now)):
            looked += await self._confirm(mch_id, now, pause)
        return looked

    async def _confirm(self, mch_id: str, now: int, pause: Callable[[], Awaitable[None]] | None) -> int:
        found = await self._books.read(lambda c: wechat_checks.due(c, mch_id, now))
        for number, check in enumerate(found, start=1):
            if not await self._one(check):
                return number  # the account rests, or WeChat is away: its other checks wait
            if pause is not None:
                await pause()
        return len(found)

    async def _one(self, check: Check) -> bool:
        """Settle one check; False where the account is not to be asked further now."""
        now = self._clock.now_ms()
        try:
            return await self._from_notice(check) or await self._ask(check)
        except Exception as error:
            if not poison.is_of_the_row(error):
                raise
            fault = type(error).__name__
            await self._books.write(lambda c: wechat_checks.give_up(c, check, fault, now))
            return True

    async def _from_notice(self, check: Check) -> bool:
        """Settle a check by what a notification said."""
        now = self._clock.now_ms()

        def work(connection: Connection) -> bool:
            known = wechat_payments.told(connection, self._keys, check.mch_id, check.transaction_id)
            if known is None:
                return False
            said, pairs = known
            self._conclude(connection, check, said, pairs, now)
            wechat_payments.forget_payer(connection, check.mch_id, check.transaction_id)
            return True

        return await self._books.write(work)

    async def _ask(self, check: Check) -> bool:
        """Query one order and settle its check; False where the account is not to be asked further now."""
        now = self._clock.now_ms()
        try:
            account = await self._calls.account(check.mch_id)
            api = self._calls.v3 if account.v3 is not None else self._calls.v2
            call = api.order(account, check.transaction_id, check.sub_mch_id, deadline_s=WECHAT_CALL_S)
            result = await self._calls.noted(check.mch_id, call)
        except WechatRefused as error:
            if error.kind is Refused.ABSENT:
                await self._books.write(lambda c: wechat_checks.absent(c, check, now))
                return True
            code = error.code
            await self._books.write(lambda c: wechat_checks.postpone(c, check, code, now))
            return not self._calls.rests(check.mch_id, error)
        except (WechatUnreachable, WechatUntrusted, Refusal) as error:
            name = "AWAY" if isinstance(error, WechatUnreachable) else "UNTRUSTED"
            name = (
                error.code if isinstance(error, Refusal) else name
            )  # keys that cannot be read: no other check is asked
            await self._books.write(lambda c: wechat_checks.postpone(c, check, name, now))
            return False
        said = Said(result.state, result.total_fen or 0, result.sub_mch_id or "")

        def work(connection: Connection) -> None:
            if result.transaction_id is not None and result.state is State.SUCCESS:
                wechat_payments.keep(connection, None, check.mch_id, result, "query", now)
            self._conclude(connection, check, said, result.pairs, now)

        await self._books.write(work)
        return True

    def _conclude(
        self, connection: Connection, check: Check, said: Said, pairs: Sequence[tuple[str, str]], now_ms: int
    ) -> None:
        code = wechat_checks.conclude(connection, check, said, now_ms)
        if code == "" and pairs:
            wechat_payers.credit(connection, self._keys, check.brand_id, check.transaction_id, pairs, now_ms)

    # --- card balances ----------------------------------------------------------------------------------------------
    async def tell_card(self) -> bool:
        """Tell WeChat one card's balance; False when none is due."""
        now = self._clock.now_ms()
        one = await self._books.write(lambda c: wechat_cards.due(c, self._keys, self._entropy, now))
        if one is None:
            return False
        try:
            ask = cards.points_ask(one.generation, one.points)
            account = await self._calls.account(one.mch_id)
            await self._calls.noted(
                one.mch_id, self._calls.v3.call(account, ask.method, ask.target, WECHAT_CALL_S, ask.body)
            )  # fmt: skip
        except (SyncError, Refusal) as error:
            code = error.code if isinstance(error, WechatRefused | Refusal) else type(error).__name__
            counts = isinstance(error, WechatRefused) and error.kind not in FOR_A_PERSON
            await self._books.write(lambda c: wechat_cards.failed(c, one, code, now, counts=counts))
        else:
            await self._books.write(lambda c: wechat_cards.told(c, one))
        return True

    async def _warmed(self) -> bool:
        """Make the way to WeChat where a merchant may ask; whether one may."""
        now = self._clock.now_ms()
        merchants = await self._books.read(lambda c: wechat_accounts.awake(c, now))
        if merchants:
            self._calls.warm()
        return bool(merchants)

    # --- life -------------------------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Confirm and tell for as long as HQ serves; a full disk only makes it wait, a dead one ends it."""
        cold = True
        while True:
            self._wake.clear()
            busy = False
            try:
                busy = await self.prepare()
                if cold:
                    cold = not await self._warmed()
                busy = bool(await self.confirm_some(_pause)) or busy
                busy = await self.tell_card() or busy
            except (DiskLow, DatabaseAway):
                busy = False
            except StorageError:
                return  # the service knows, and whoever serves ends the process
            if busy:
                await _pause()
                continue
            try:
                await asyncio.wait_for(self._wake.wait(), WECHAT_IDLE_S)
            except TimeoutError:
                continue


async def _pause() -> None:
    await asyncio.sleep(WECHAT_PAUSE_S)
