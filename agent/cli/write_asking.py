"""Showing a person what would change in the configuration file, asking, and writing it: for both parts of set-up."""

from agent.cli.person import Person
from agent.config_write import Change
from agent.domain.errors import ConfigError


def write_asking(change: Change, person: Person, now_ms: int) -> bool:
    """Show, ask, write; False when it was not written, for what reason ever. Raises Left."""
    if not change.diff:
        person.say("nothing_new")
        return True
    person.say("difference")
    print(change.diff)
    if not person.yes("write", path=change.path):
        return False
    try:
        kept = change.write(now_ms)
    except (OSError, ConfigError) as error:
        person.say("cannot_write", why=error.strerror if isinstance(error, OSError) else error.message)
        return False
    person.say("written", kept=kept)
    return True
