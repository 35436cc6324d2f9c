"""The exception tree, sorted by what must happen next.

AgentError(message, hint)     hint = what a person should do now
  Refusal        the shop says no     the cashier reads wording.sentence(code); never retried
  DeviceError    a peripheral is ill  supervise reopens; selling goes on
  SyncError      HQ did not agree     retry, or stop sync and alarm; selling goes on
  DiskLow        no room to promise   money calls refused, the daemon stays up
  StorageError   durability is gone   stop selling, exit, systemd restarts
  ConfigError    operator's mistake   all printed at once, exit 78
InvariantViolation                    our mistake: nobody catches it
"""


class AgentError(Exception):
    """Base of everything this program raises on purpose; `hint` says what a person should do now."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Refusal(AgentError):
    """The shop says no. `code` is stable and public; `field` names the input at fault where there is one.

    `said` goes after the code's sentence, where the cashier must read a figure.
    """

    def __init__(
        self, code: str, message: str, *, hint: str = "", field: str | None = None, status: int = 422, said: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.field = field
        self.status = status
        self.said = said


class DeviceError(AgentError):
    """A peripheral is ill; supervise reopens it while selling goes on."""


class DeviceUnavailable(DeviceError):
    """Nothing was sent: the device cannot be opened or says it is not ready. Safe to try again."""


class DeviceAmbiguous(DeviceError):
    """Bytes may have left and nothing confirms them. Never sent again by itself (pains 16, 17)."""

    def __init__(self, message: str, *, bytes_sent: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.bytes_sent = bytes_sent


class SyncError(AgentError):
    """HQ did not agree, or could not be asked."""


class HqUnreachable(SyncError):
    """Transport failure or 5xx: back off and try again; spends no retry budget (pains 2 of the design bugs)."""

    def __init__(self, message: str, *, retry_after_s: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class HqRejected(SyncError):
    """HQ answered and said no; `status` 400/413/422 concern the content, 401/403 the workstation."""

    def __init__(self, message: str, *, status: int, code: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code


class DiskLow(AgentError):
    """No room to promise durability: money calls are refused until space returns."""


class StorageError(AgentError):
    """Durability is gone: stop selling, exit, let systemd restart."""


class ConfigError(AgentError):
    """The operator's mistakes, all of them at once."""

    def __init__(self, mistakes: list[str], *, source: str = "") -> None:
        super().__init__("\n".join(mistakes), hint="correct the configuration and start again")
        self.mistakes = mistakes
        self.source = source


class InvariantViolation(Exception):
    """Our own mistake. Nobody catches it."""
