"""The brand's own provider of identity checks (S56): entered at HQ, and the one call that is made to it.

Used by sync.hq.identity_desk. What nobody knows is asked again under the same `request_id`, which the provider answers
alike. Both bodies are signed.
"""

import hmac
from typing import Final, Literal, Protocol

from pydantic import ValidationError

from agent.domain.errors import Refusal
from sync.hq.bounds import IDENTITY_ANSWER_BYTES, IDENTITY_CALL_S
from sync.hq.brand_address import BrandAddresses
from sync.hq.db.seam import Connection
from sync.hq.keys import HqKeys
from sync.hq.signed_posts import Address, Posted, SignedPosts, signature
from sync.identity_protocol import ProviderAnswer, ProviderAsk

PROVIDERS: Final = BrandAddresses("identity_providers", "IDENTITY_PROVIDER_INVALID")
Outcome = ProviderAnswer | Literal["refused", "unsure"]


class IdentityProvider(Protocol):
    """Whoever checks. Never raises: what became of it is the answer."""

    async def check(self, provider: Address, ask: ProviderAsk) -> Outcome:
        """Ask about one person."""
        ...

    async def close(self) -> None:
        """Let go of the providers."""
        ...


class HttpIdentity:
    """By a signed call within IDENTITY_CALL_S."""

    def __init__(self) -> None:
        self._posts = SignedPosts()

    async def check(self, provider: Address, ask: ProviderAsk) -> Outcome:
        """2xx with a signed answer to this very request: that. 4xx: refused. Everything else: nobody knows."""
        body = ask.model_dump_json().encode()
        posted = await self._posts.post(provider, body, IDENTITY_CALL_S, answer_bytes=IDENTITY_ANSWER_BYTES)
        if not posted.fault:
            return _answer(provider, ask, posted)
        return "refused" if posted.refused else "unsure"

    async def close(self) -> None:
        """Close the connections."""
        await self._posts.close()


def _answer(provider: Address, ask: ProviderAsk, posted: Posted) -> Outcome:
    """An answer that is not signed, is about another request, or leaves out or adds a face, says nothing."""
    if not hmac.compare_digest(signature(provider.key, posted.body).encode(), posted.signature.encode()):
        return "unsure"
    try:
        answer = ProviderAnswer.model_validate_json(posted.body)
    except ValidationError:
        return "unsure"
    whole = answer.request_id == ask.request_id and bool(answer.face) == bool(ask.face)
    return answer if whole else "unsure"


def of_brand(connection: Connection, keys: HqKeys, brand_id: str) -> Address:
    """A brand's provider. Refusal 409 IDENTITY_NOT_CONFIGURED where it has none."""
    found = PROVIDERS.of_brand(connection, keys, brand_id)
    if found is None:
        hint = "`pos-agent hq identity --url` enters the brand's own provider"
        raise Refusal("IDENTITY_NOT_CONFIGURED", "this brand checks no identities", hint=hint, status=409)
    return found
