"""What the tap appends to the paper of a POS that cannot be changed: the way to join, or the member's points.

Pure. Called by agent.tap_desk. The sale on that paper is not in the books: nothing here speaks of points it earned.
"""

from agent.domain.receipt import Block, Document, Pair, Rule
from agent.domain.receipt_facts import JoinInvitation, mask
from agent.domain.receipts import invitation_blocks
from agent.wording import CHINESE, label


def join_footer(join: JoinInvitation, *, language: int = CHINESE) -> Document:
    """Build the invitation as the end of somebody else's receipt.

    >>> join_footer(JoinInvitation("https://hq.example/j")).blocks[1]
    Text(text='加入会员更省', align='center', scale=2, bold=True)
    """
    return Document((Rule("="), *invitation_blocks(join, language)), cut=False)


def member_footer(masked: str, tier: str, points: int, *, language: int = CHINESE) -> Document:
    """Build what a member who paid sees: who they are here (masked) and how many points they have.

    >>> member_footer("138****8000", "金卡", 1234).blocks[2]
    Pair(left='积分余额', right='1,234', bold=False)
    """
    blocks: tuple[Block, ...] = (
        Rule("="),
        Pair(f"{label('member', language)} {mask(masked)}", tier),
        Pair(label("points_balance", language), f"{points:,}"),
    )
    return Document(blocks, cut=False)
