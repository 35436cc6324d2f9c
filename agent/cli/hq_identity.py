"""`pos-agent hq identity`: the brand's provider of identity checks, and what it said (S56).

Joined by agent.cli.hq_group; see docs/hq-members.md.
"""

from typing import Annotated

import typer

from agent.cli.common import plain_errors
from agent.cli.hq_ask import DEFAULT_DATA, BrandOption, DataOption, at_hq
from agent.domain.business_day import local_time
from agent.domain.errors import ConfigError


def identity(
    brand: BrandOption,
    url: Annotated[str, typer.Option(help="Enter the brand's provider (https); its key is shown once.")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Check nobody any more.")] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List checks of identities, newest first; with --url enter the provider that makes them."""
    with plain_errors():
        if url and remove:
            raise ConfigError(["give --url or --remove"])
    if url or remove:
        done = at_hq(data, "members/identity-provider", {"brand_id": brand, "url": url})
        print(f"key {done['key']}" if url else f"{brand} checks nobody")
        return
    found = at_hq(data, "members/identity-checks", {"brand_id": brand})["checks"]
    for one in found:
        at = local_time(one["at_ms"]).isoformat(timespec="seconds")
        face = f", face {one['face']}" if one["face"] else ""
        reference = f" ({one['reference']})" if one["reference"] else ""
        print(f"{at} {one['member_id']} by {one['consent']}: {one['state']}{face}{reference}")
    if not found:
        print("nobody was checked")
