"""How this machine becomes a workstation, and how it trusts HQ's certificate.

Called by agent.main, the command line and the demo.
"""

import ssl

from agent.config import Settings
from agent.domain.errors import ConfigError
from agent.keyring import prepare_device_key, save_enrolment
from agent.ports import Entropy
from sync.client import HttpHq
from sync.protocol import EnrolAnswer, EnrolRequest


async def enrol(settings: Settings, code: str, entropy: Entropy) -> EnrolAnswer:
    """Make this machine a workstation: keys are made here, HQ's answer is kept beside them. Raises SyncError."""
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
