"""Limits of HQ itself, each with its unit and reason; what both ends share stands in agent.limits.

Read by every module of sync.hq; imports nothing else.
"""

from typing import Final

from agent.limits import BATCH_INFLATED_BYTES, HQ_TIMEOUT_S

ENROL_CODE_BYTES: Final = 10  # 80 bits: nobody guesses it, and an installer can still type it
COUPON_ID_BYTES: Final = 10  # 80 bits: a coupon's code is its id, and nobody guesses another's
PARKED_CLAIMS: Final = 20  # claims of one member that wait for sales of offline stores
ENROL_CODE_TTL_S: Final = 7 * 24 * 3600  # a cashier PC travels to the shop within the week
LEASE_BYTES: Final = 15  # 120 bits: nobody names a lease that was not given to them
REQUEST_BYTES: Final = BATCH_INFLATED_BYTES  # as sent; a batch may also come uncompressed
SMALL_REQUEST_BYTES: Final = 8 * 1024  # enrolment and proof requests have a handful of short fields
PROOF_REQUEST_BYTES: Final = 512 * 1024  # 4,096 places to look closer at, or 200 seals given back
REQUEST_READ_S: Final = HQ_TIMEOUT_S  # a body that has not arrived by then holds a connection for nothing
ZSTD_WINDOW_BYTES: Final = 8 * 1024 * 1024  # memory one stranger's frame may ask of us; level 3 uses 2 MiB
COMPRESS_FROM_BYTES: Final = 256  # below this a frame header eats the gain
BODY_BYTES: Final = 512 * 1024  # 128 Ki characters of UTF-8 in the worst case (WireEvent.body)
RANGES: Final = 1000  # gaps and missing ranges named in one answer; the next answer names the rest
PROOF_STEP_EVENTS: Final = 500  # about 25 ms of the database's owner, so that a proof never holds up the pushes
SEAL_EVENTS: Final = 4_000  # a longer unit is cut, so that an old seal can be re-proven in bounded time
AUDIT_ACCOUNTS: Final = 2000  # accounts summed again per proof, round robin
AUDIT_LEASES: Final = 2000  # leases of a workstation looked at again per proof, round robin
AUDIT_RECOMPUTED: Final = 50  # events reckoned a second time per proof, round robin; about 50 ms
RECOMPUTE_STEP_EVENTS: Final = 10  # about 10 ms of the database's owner, so that no push waits longer
RECOMPUTE_STEP_CHARS: Final = 128 * 1024  # of bodies: ordinary sales have 2 kB, one of 500 lines has 200 kB
RECOMPUTE_PAUSE_S: Final = 0.05  # between two steps: a push that waits goes first
DIFFERENCES_LISTED: Final = 1000  # a person reads the newest first
READER_PAGE_SEALS: Final = 1000
ALTERED_NAMED: Final = 20  # altered events a proof names in its record; one is already an alarm
CONFLICTS_NAMED: Final = 200  # conflicts checked and named per proof
IMPORT_CHUNK_ROWS: Final = 1000  # about 50 ms of the database's owner per transaction
IMPORT_FAULTS: Final = 10_000  # bad rows listed one by one; the rest are counted
