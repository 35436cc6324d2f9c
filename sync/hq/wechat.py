"""WeChat Pay at HQ, joined: calls, desk, worker and office over one database. Made by sync.hq.service."""

from agent.ports import Clock, Entropy
from sync.hq.keys import HqKeys
from sync.hq.wechat_calls import Books, WechatCalls
from sync.hq.wechat_desk import WechatDesk
from sync.hq.wechat_office import WechatOffice
from sync.hq.wechat_worker import WechatWorker


class Wechat:
    """Everything HQ does with WeChat Pay; asks WeChat nothing until an account is entered."""

    def __init__(self, books: Books, keys: HqKeys, clock: Clock, entropy: Entropy) -> None:
        self.calls = WechatCalls(books, keys, clock, entropy)
        self.desk = WechatDesk(books, self.calls, keys, clock)
        self.worker = WechatWorker(books, self.calls, keys, clock, entropy, self.desk.wake)
        self.office = WechatOffice(books, self.calls, keys, clock)

    async def close(self) -> None:
        """Let go of WeChat."""
        await self.calls.close()
