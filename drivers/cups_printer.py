"""The way to a printer through a raw queue of this machine's CUPS, for shops where CUPS already owns the printer.

Used by drivers.escpos_printer through drivers.transports.Transport. CUPS tells when it has passed a job on, never that
it is on paper: such a job is sent, not confirmed. A job that we give up is cancelled, so that it does not come out
when nobody waits for it any more (pains 17).
"""

import contextlib
import itertools
from typing import Final

import httpx

from agent import limits
from drivers import ipp
from drivers.transports import FAST_BYTES_PER_S, OnStall, ambiguous, pause, unavailable

_LOOK_S: Final = 0.1
_IDLE_STATES: Final = (3, 4)  # job-state pending, pending-held
_STOPPED_JOB: Final = 6  # processing-stopped
_CANCELLED: Final = 7
_COMPLETED: Final = 9
_OVER: Final = (7, 8, 9)  # canceled, aborted, completed
_STOPPED_PRINTER: Final = 5
_RESENDING: Final = ("retry-job", "retry-current-job", "stop-printer")
_REASONS: Final = {  # printer-state-reasons without -error, -warning, -report
    "media-empty": "PRINTER_PAPER_OUT",
    "media-needed": "PRINTER_PAPER_OUT",
    "cover-open": "PRINTER_COVER_OPEN",
    "door-open": "PRINTER_COVER_OPEN",
    "media-jam": "PRINTER_ERROR",
    "offline": "PRINTER_OFFLINE",
}


class CupsTransport:
    """See Transport. A job is collected by write() and handed over by finish().

    `server` is the URL of CUPS (loopback) or the path of its socket.
    """

    opens_freely = True
    bytes_per_s = FAST_BYTES_PER_S

    def __init__(self, queue: str, server: str, *, job_s: float = limits.PRINT_COMPLETION_S) -> None:
        self.on_stall: OnStall | None = None
        self._queue = queue
        self._uri = f"ipp://localhost/printers/{queue}"
        self._job_s = job_s
        over_socket = server.startswith("/")
        self._base = "http://localhost" if over_socket else server.rstrip("/")
        self._uds = server if over_socket else None
        self._client: httpx.Client | None = None
        self._data = bytearray()
        self._numbers = itertools.count(1)

    def open(self) -> None:
        """See Transport: the queue is there, takes jobs, and will not send one twice."""
        self._data.clear()
        self._client = httpx.Client(
            transport=httpx.HTTPTransport(uds=self._uds), timeout=limits.PRINT_CONNECT_S, base_url=self._base
        )
        asked = ("printer-state", "printer-state-reasons", "printer-is-accepting-jobs", "printer-error-policy")
        try:
            told = self._ask(ipp.GET_PRINTER_ATTRIBUTES, [(ipp.KEYWORD, "requested-attributes", asked)])
        except (httpx.HTTPError, ValueError) as error:
            self.close()
            raise unavailable("PRINTER_UNREACHABLE", f"CUPS: {str(error) or type(error).__name__}") from error
        code, detail = _trouble(told)
        if code:
            self.close()
            raise unavailable(code, f"queue {self._queue}: {detail}")

    def write(self, data: bytes) -> int:
        """See Transport."""
        self._data += data
        return len(data)

    def read(self, timeout_s: float) -> bytes:
        """CUPS carries nothing back."""
        return b""

    def finish(self) -> None:
        """Hand the job over and wait until CUPS has passed it on; see Transport for what is raised."""
        if not self._data:
            return
        job = self._submit(bytes(self._data))
        patience_s = self._job_s + len(self._data) / limits.PRINT_SLOWEST_BYTES_PER_S
        state, waited_s = 0, 0.0
        try:
            while waited_s < patience_s and state not in (*_OVER, _STOPPED_JOB):
                state = self._job_state(job)
                pause(_LOOK_S)
                waited_s += _LOOK_S
            if state == _COMPLETED:
                return
            never_began = state not in _OVER and self._cancelled_untouched(job)
        except (httpx.HTTPError, ValueError) as error:
            raise ambiguous(
                "PRINT_INTERRUPTED", f"CUPS: {str(error) or type(error).__name__}", len(self._data)
            ) from error
        if never_began:
            raise unavailable("PRINTER_UNREACHABLE", f"queue {self._queue} did not begin; the job was cancelled")
        raise ambiguous("PRINT_INTERRUPTED", f"queue {self._queue}: job {job} ended in state {state}", len(self._data))

    def close(self) -> None:
        """See Transport."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(httpx.HTTPError):
                client.close()

    def _submit(self, data: bytes) -> int:
        attributes: list[tuple[int, str, int | str | tuple[str, ...]]] = [
            (ipp.NAME, "job-name", "pos-agent"),
            (ipp.MIME_TYPE, "document-format", "application/vnd.cups-raw"),
        ]
        try:
            told = self._ask(ipp.PRINT_JOB, attributes, data)
        except httpx.ConnectError as error:
            raise unavailable("PRINTER_UNREACHABLE", f"CUPS: {error}") from error
        except (httpx.HTTPError, ValueError) as error:
            raise ambiguous("PRINT_INTERRUPTED", f"CUPS: {str(error) or type(error).__name__}", len(data)) from error
        job = told.first("job-id")
        if not told.fine or not isinstance(job, int):
            raise unavailable("PRINTER_UNREACHABLE", f"queue {self._queue} refused the job: {told.status:#06x}")
        return job

    def _job_state(self, job: int) -> int:
        asked = ("job-state",)
        told = self._ask(ipp.GET_JOB_ATTRIBUTES, [_job(job), (ipp.KEYWORD, "requested-attributes", asked)])
        state = told.first("job-state")
        return state if isinstance(state, int) else 0

    def _cancelled_untouched(self, job: int) -> bool:
        """Cancel a job; True when CUPS says that it never began to process it."""
        self._ask(ipp.CANCEL_JOB, [_job(job)])
        asked = ("job-state", "time-at-processing")
        told = self._ask(ipp.GET_JOB_ATTRIBUTES, [_job(job), (ipp.KEYWORD, "requested-attributes", asked)])
        told_time = "time-at-processing" in told.attributes
        return told.first("job-state") == _CANCELLED and told_time and told.first("time-at-processing") is None

    def _ask(
        self, operation: int, attributes: list[tuple[int, str, int | str | tuple[str, ...]]], data: bytes = b""
    ) -> ipp.Answer:
        assert self._client is not None
        head: list[tuple[int, str, int | str | tuple[str, ...]]] = [(ipp.URI, "printer-uri", self._uri)]
        of_job = [one for one in attributes if one[1] == "job-id"]
        rest = [one for one in attributes if one[1] != "job-id"]
        user: tuple[int, str, str] = (ipp.NAME, "requesting-user-name", "pos-agent")
        body = ipp.request(operation, next(self._numbers), [*head, *of_job, user, *rest])
        answer = self._client.post(
            f"/printers/{self._queue}", content=body + data, headers={"Content-Type": "application/ipp"}
        )
        answer.raise_for_status()
        return ipp.answer(answer.content)


def _job(number: int) -> tuple[int, str, int]:
    return ipp.INTEGER, "job-id", number


def _trouble(told: ipp.Answer) -> tuple[str, str]:
    """Why a queue cannot be used now, as a code of agent.wording and details; empty when it can."""
    if not told.fine:
        return "PRINTER_UNREACHABLE", f"CUPS does not know it ({told.status:#06x})"
    if told.first("printer-error-policy") in _RESENDING:
        policy = told.first("printer-error-policy")
        return "PRINTER_QUEUE_RESENDS", f"error policy {policy}: lpadmin -p NAME -o printer-error-policy=abort-job"
    for reason in told.attributes.get("printer-state-reasons", []):
        severe = not str(reason).endswith("-warning")
        plain = str(reason).removesuffix("-error").removesuffix("-warning").removesuffix("-report")
        if severe and plain in _REASONS:
            return _REASONS[plain], str(reason)
    if told.first("printer-state") == _STOPPED_PRINTER or told.first("printer-is-accepting-jobs") is False:
        return "PRINTER_OFFLINE", "stopped or rejecting jobs: cupsenable, cupsaccept"
    return "", ""
