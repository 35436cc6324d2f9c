"""Online channels at HQ: entering them, their facts, what they are shown, and what they are pushed.

Made by sync.hq.service, used by sync.hq.channel_http and the command line; `worker` is run by sync.hq.server.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from agent.domain.business_day import business_day
from agent.domain.errors import Refusal
from sync.channel_protocol import ChannelAnswer, ChannelEvent, GiftsOffered, MemberRef, MemberState, SlotsOffered
from sync.hq import channel_pushes, channels, exchanges, reservations
from sync.hq.channel_events import Taking
from sync.hq.channel_takes import call_back
from sync.hq.channel_worker import ChannelWorker
from sync.hq.channels import Channel, Given
from sync.hq.db.seam import Connection
from sync.hq.grant_witness import GrantWitness
from sync.hq.identity_desk import IdentityDesk
from sync.hq.member_standing import newest_rules
from sync.hq.parts import Parts
from sync.hq.play_office import PlayOffice, checked_day
from sync.hq.recompute import RuleBook
from sync.hq.restored import made, require_new
from sync.hq.signed_posts import KEY_BYTES
from sync.hq.wechat_calls import Run


class ChannelOffice:
    """Raises Refusal when what is asked cannot be done.

    `grants` runs what spends and `witnessed` keeps the number of HQ's last grant.
    """

    def __init__(
        self, parts: Parts, witness: GrantWitness, grants: Run, witnessed: Callable[[int], Awaitable[None]]
    ) -> None:
        self._witness = witness
        self._grants = grants
        self._books = parts.books
        self._keys = parts.keys
        self._clock = parts.clock
        self._entropy = parts.entropy
        self._witnessed = witnessed
        self._rules = RuleBook()
        self.play = PlayOffice(parts, self._rules)
        """Lotteries."""
        self.identity = IdentityDesk(parts)
        """Checks of identities."""
        self.worker = ChannelWorker(parts.books, parts.keys, parts.clock)

    async def add(self, name: str, brand_id: str, url: str) -> Given:
        """Enter an online channel, or give it a new token, key and address."""
        token, key, now = (
            self._entropy.token(channels.TOKEN_BYTES), self._entropy.token(KEY_BYTES), self._clock.now_ms(),
        )  # fmt: skip
        given = await self._books.write(
            lambda c: channels.put(c, self._keys, name, brand_id, url, token, key, now)
        )  # fmt: skip
        self.worker.wake.set()
        return given

    async def revoke(self, name: str) -> None:
        """Refuse a channel from now on."""
        now = self._clock.now_ms()
        await self._books.write(lambda c: channels.revoke(c, name, now))

    async def stuck(self) -> list[dict[str, Any]]:
        """Pushes that wait for a person."""
        return await self._books.read(channel_pushes.stuck)

    async def retry(self, channel: str) -> int:
        """Begin a channel's stuck pushes anew; how many."""
        now = self._clock.now_ms()
        done = await self._books.write(lambda c: channel_pushes.retry(c, channel, now))
        self.worker.wake.set()
        return done

    async def of_token(self, token: str) -> Channel | None:
        """The channel that calls with a token."""
        return await self._books.read(lambda c: channels.of_token(c, token))

    async def take(self, channel: Channel, ask: ChannelEvent) -> ChannelAnswer:
        """Book one fact of a channel, once; what tills hold and was asked for in vain is called back."""
        now = self._clock.now_ms()

        def work(connection: Connection) -> tuple[ChannelAnswer, int]:
            rules = newest_rules(connection, self._rules, channel.brand_id)
            taking = Taking(connection, self._keys, channel, ask, rules, now)
            answer = taking.run()
            if not taking.spent:
                return answer, 0
            require_new(connection, self._witness, channel.brand_id)
            return answer, made(connection)

        try:
            answer, number = await self._grants(work)
        except Refusal as refusal:
            account = {"POINTS_INSUFFICIENT": "points", "COUPON_NOT_FREE": "coupon"}.get(refusal.code)
            if account is not None and ask.member is not None:
                await self._call_back(channel, ask.member, account, ask.coupon_id)
            raise
        if number:
            await self._witnessed(number)  # ORDER: before the channel hears of what it may give out
        return answer

    async def _call_back(self, channel: Channel, ref: MemberRef, account: str, bucket: str) -> None:
        def work(connection: Connection) -> None:
            call_back(connection, channels.resolve(connection, self._keys, channel.brand_id, ref), account, bucket)

        await self._books.write(work)

    async def state(self, channel: Channel, ref: MemberRef) -> MemberState:
        """How a member stands, for a channel to show. Refusal 404 MEMBER_UNKNOWN."""
        return await self._books.read(
            lambda c: channels.state_of(c, channels.resolve(c, self._keys, channel.brand_id, ref))
        )

    async def gifts(self, channel: Channel) -> GiftsOffered:
        """The catalogue of a channel's brand."""
        return await self._books.read(lambda c: exchanges.offered(c, channel.brand_id))

    async def slots(self, channel: Channel, day: str) -> SlotsOffered:
        """The slots of a day, today's without one."""
        wanted = checked_day(day) or business_day(self._clock.now_ms())
        return await self._books.read(lambda c: reservations.offered(c, channel.brand_id, wanted))

    async def close(self) -> None:
        """Let go of the channels."""
        await self.identity.close()
        await self.worker.close()
