"""How this machine becomes a workstation, and how it trusts HQ's certificate.

Called by agent.main, the command line and the demo.
"""

import ssl
from typing import Final

from agent.config import Settings
from agent.domain.errors import ConfigError, HqRejected
from agent.keyring import prepare_device_key, save_enrolment
from agent.ports import Entropy
from sync.client import HttpHq
from sync.protocol import EnrolAnswer, EnrolRequest

_CODE_CHARACTERS: Final = (8, 64)
"""Least and most characters of a code (sync.protocol.EnrolRequest)."""


async def enrol(settings: Settings, code: str, entropy: Entropy) -> EnrolAnswer:
    """Make this machine a workstation: keys are made here, HQ's answer is kept beside them. Raises SyncError."""
    if not _CODE_CHARACTERS[0] <= len(code) <= _CODE_CHARACTERS[1]:
        raise HqRejected(
            "this is no enrolment code", status=422, code="ENROL_CODE_UNKNOWN",
            hint="headquarters writes one by `pos-agent hq enrol`; it looks like FRMN-CHTW-Q7EM-DJ3J",
        )  # fmt: skip
    public_key = prepare_device_key(settings.keys, entropy)
    hq = HttpHq(settings.hq.url, verify=tls(settings))
    try:
        answer = await hq.enrol(EnrolRequest(code=code, public_key=public_key))
    finally:
        await hq.close()
    save_enrolment(settings.keys, answer)
    return answer


def tls(settings: Settings) -> ssl.SSLContext | bool:
    """What HQ's certificate is checked against; raises ConfigError when the configured file cannot be read."""
    if not settings.hq.ca_file:
        return True
    try:
        return ssl.create_default_context(cafile=settings.hq.ca_file)
    except OSError as error:
        raise ConfigError([f"hq.ca_file {settings.hq.ca_file} cannot be read: {error}"]) from error
