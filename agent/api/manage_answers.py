"""What the manager page gets: answer models of `manage`, as the OpenAPI document publishes them."""

from typing import Literal

from pydantic import ConfigDict

from agent.api.answers import Answer, ProofView

_Scope = Literal["sell", "print", "drawer", "manage"]


class Today(Answer):
    """Sums of the business day, in fen and points; what came back is negative."""

    business_day: str
    events: dict[str, int]
    """Events by kind: sale, return, void, recharge ..."""
    payable_fen: dict[str, int]
    """What was payable, by kind of event."""
    tenders_fen: dict[str, int]
    """What was taken and given back, by kind of tender."""
    member_sales: int
    saved_fen: int
    points_earned: int
    discrepancies: int


class ProofList(Answer):
    """The latest proofs, newest first."""

    proofs: list[ProofView]


class Reconciled(Answer):
    """How the proof ended; fields of `pos-agent reconcile --json` besides."""

    model_config = ConfigDict(extra="allow")
    result: str
    equal: bool
    at_ms: int
    seconds: float


class DifferenceView(Answer):
    """One discrepancy. `side`: who holds what the other does not; `both`: they hold different things."""

    model_config = ConfigDict(extra="allow")
    number: int
    side: Literal["store", "hq", "both"]
    code: str
    detail: str
    state: Literal["open", "explained"]


class DifferenceList(Answer):
    """Discrepancies, newest first."""

    differences: list[DifferenceView]


class Explained(Answer):
    """It is noted."""

    number: int
    by: str


class LeaseRow(Answer):
    """One right to spend offline: what is left of what, until when."""

    lease_id: str
    member_id: str
    account: str
    amount: int
    remaining: int
    expires: str
    usable_until_ms: int


class LeaseHoldings(Answer):
    """What is left in all open leases, by account, and the largest of them."""

    sums: dict[str, int]
    leases: list[LeaseRow]


class DeviceView(Answer):
    """A scanner or printer; `up` is null until it first reported, and where nobody can tell."""

    kind: Literal["scanner", "printer"]
    name: str
    up: bool | None
    since_at_ms: int
    reason: str
    counters: dict[str, int]


class DeviceList(Answer):
    """The configured devices."""

    devices: list[DeviceView]


class TestPrinted(Answer):
    """The test page is queued."""

    job_id: str
    printer: str


class DrawerOpeningView(Answer):
    """One opening of the drawer without a sale."""

    job_id: str
    at_ms: int
    operator: str
    reason: str
    app: str


class DrawerList(Answer):
    """Openings, newest first."""

    openings: list[DrawerOpeningView]


class PairingCode(Answer):
    """Eight digits to read out."""

    code: str
    scopes: list[_Scope]
    expires_in_s: int


class TokenView(Answer):
    """A program or a session that may call."""

    token_id: str
    app: str
    operator: str
    scopes: list[_Scope]
    created_at_ms: int


class TokenList(Answer):
    """Newest first."""

    tokens: list[TokenView]


class OperatorView(Answer):
    """Somebody who may sign in."""

    operator: str
    name: str
    role: Literal["cashier", "manager"]


class OperatorList(Answer):
    """By name."""

    operators: list[OperatorView]


class FreezeView(Answer):
    """A freeze made at this till that stands."""

    model_config = ConfigDict(extra="allow")
    member_id: str
    at_ms: int
    points: int


class FreezeList(Answer):
    """Newest first."""

    freezes: list[FreezeView]
