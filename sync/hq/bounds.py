"""Limits of HQ itself, each with its unit and reason; what both ends share stands in agent.limits.

Read by every module of sync.hq; imports nothing else.
"""

from typing import Final

from agent.limits import BATCH_INFLATED_BYTES, HQ_TIMEOUT_S

ENROL_CODE_BYTES: Final = 10  # 80 bits: nobody guesses it, and an installer can still type it
COUPON_ID_BYTES: Final = 10  # 80 bits: a coupon's code is its id, and nobody guesses another's
PARKED_CLAIMS: Final = 20  # claims of one member that wait for sales of offline stores
ENROL_CODE_TTL_S: Final = 7 * 24 * 3600  # a cashier PC travels to the shop within the week
LEASE_BYTES: Final = 10  # 80 bits, and 40 of HQ's own mark: nobody names a lease that was not given to them
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
EXPIRY_STEP_LOTS: Final = 20  # about 10 ms of the database's owner
EXPIRY_LOOK_S: Final = 600  # a lot that ended at midnight is off its balance within ten minutes
RECOMPUTE_PAUSE_S: Final = 0.05  # between two steps: a push that waits goes first
DIFFERENCES_LISTED: Final = 1000  # a person reads the newest first
READER_PAGE_SEALS: Final = 1000
ALTERED_NAMED: Final = 20  # altered events a proof names in its record; one is already an alarm
CONFLICTS_NAMED: Final = 200  # conflicts checked and named per proof
IMPORT_CHUNK_ROWS: Final = 1000  # about 50 ms of the database's owner per transaction
IMPORT_FAULTS: Final = 10_000  # bad rows listed one by one; the rest are counted
SNAPSHOT_STEP_ROWS: Final = 1000  # about 10 ms of the database's owner, so that no push waits longer
SNAPSHOT_CACHE_BYTES: Final = 64 * 1024 * 1024  # memory of a building; sorting goes through files
SNAPSHOT_FROM_ROWS: Final = 200_000  # LIMIT: of members and identities; smaller brands are read by feeds in minutes
SNAPSHOT_AGE_S: Final = 24 * 3600  # a first load then has a day of changes to read behind it
SNAPSHOT_MOVED_PART: Final = 10  # a tenth of the rows changed: sooner
SNAPSHOT_LOOK_S: Final = 600.0
SNAPSHOTS_KEPT: Final = 3  # a till on a slow line has two days to finish the one it began
SNAPSHOT_DOWNLOADS: Final = 32  # at once; each holds a file and a megabyte, and the line belongs to the books first
SNAPSHOT_BLOCK_BYTES: Final = 256 * 1024  # read from the file at a time
WECHAT_PAYER_S: Final = 0.6  # of the till's 800 ms; what is left is for the two ways and HQ's own look-up
WECHAT_CALL_S: Final = 10  # a query or sync, which nobody waits for
WECHAT_BILL_S: Final = 300  # a day's bill of a chain store
WECHAT_CHECKS_A_STEP: Final = 100  # rows read at once; some ms of the database's owner
WECHAT_PAUSE_S: Final = 0.2  # LIMIT: five calls a second per HQ; card points may be synced no faster (facts D.3)
WECHAT_IDLE_S: Final = 15  # how often an idle worker looks for work, notices and changed balances included
WECHAT_RETRY_BASE_S: Final = 30
WECHAT_RETRY_CAP_S: Final = 6 * 3600  # LIMIT: as WeChat's own notifications slow down
WECHAT_ABSENT_TRIES: Final = 4  # "no such order" is believed after this many answers, some four minutes
WECHAT_QUIET_S: Final = 300  # how long an account rests after a refusal that only a person can end
WECHAT_CARD_TRIES: Final = 6  # then a card waits for a person, some half hour later
WECHAT_NOTICE_BYTES: Final = 64 * 1024  # a transaction with all its promotions, encrypted and in base64
WECHAT_PAYER_KEPT_S: Final = 7 * 24 * 3600  # who paid, for a sale that has not arrived; the claim window is shorter
CONSOLE_NAME_CHARS: Final = 64
CONSOLE_PASSWORD_CHARS: Final = (10, 200)  # least: beyond guessing at five tries a minute; most: what scrypt is fed
CONSOLE_SESSION_S: Final = 10 * 3600  # a working day; a page left open over night asks again
CONSOLE_TRIES: Final = 5  # LIMIT: wrong passwords in a row before one has to wait
CONSOLE_LOCK_S: Final = 60  # the first wait; it doubles with every further wrong password
CONSOLE_LOCK_CAP_S: Final = 900
CONSOLE_BODY_BYTES: Final = 512 * 1024  # a rule set as text
CONSOLE_UPLOAD_BYTES: Final = 256 * 1024 * 1024  # some two million members; more goes by the command line
CONSOLE_UPLOAD_S: Final = 600  # 256 MB over a line of 4 Mbit/s
CONSOLE_SIGN_INS: Final = 16  # LIMIT: at a time; each reckons a tenth of a second in one thread
CONSOLE_LISTED: Final = 100  # rows of one list on a store's page; counts say how many there are
CONSOLE_CELLS: Final = 500  # stores in one answer of the overview
CONSOLE_STEP_STORES: Final = 50  # some 10 ms of the database's owner, so that no push waits longer
CONSOLE_FRESH_S: Final = 15  # how old the overview may be while somebody looks at it
CONSOLE_FIRST_S: Final = 2  # how long the first look waits for the first round; 10,000 stores take longer
CONSOLE_LATE_S: Final = 2 * 3600  # a store that missed an hourly proof
CONSOLE_SILENT_S: Final = 24 * 3600  # and one that closed for the night is back by then
COUNT_STEP_EVENTS: Final = 50  # about 25 ms of the database's owner, so that no push waits longer
COUNT_STEP_CHARS: Final = 512 * 1024  # of bodies: sales of 500 lines have 200 kB
KEEP_STEP_MEMBERS: Final = 100  # reviewed, reminded or entered at once; about 20 ms of the database's owner
KEEP_LOOK_S: Final = 60  # a day that begins, or a period that ended, is seen within a minute
REVIEW_AFTER_DAYS: Final = 3  # a period is reviewed three days after its end: tills that were offline have told by then
REMIND_EXPIRY_DAYS: Final = 15  # S27
REMIND_BIRTHDAY_DAYS: Final = 3  # S26
MARKETING_A_MONTH: Final = 4  # S52
REMINDERS_A_PAGE: Final = 500
REPORT_PAGE_ROWS: Final = 1000  # of an export; about 10 ms of the database's owner
CHANNEL_BODY_BYTES: Final = 8 * 1024  # one event of an online channel has a handful of short fields
CHANNEL_LOOK_S: Final = 1.0  # LIMIT: a balance is pushed within 5 s of its change (S64)
CHANNEL_PUSHES_A_LOOK: Final = 200
CHANNEL_PUSH_S: Final = 3  # a channel that does not answer by then is asked again later
CHANNEL_AT_ONCE: Final = 8  # pushes under way at a time
CHANNEL_TRIES: Final = 3  # S65: then a person
CHANNEL_WAITS_S: Final = (60, 420)  # before the second and third try: all three within ten minutes (S65)
BACKGROUND_PAUSE_S: Final = 30  # before a loop that failed begins again: its log can be read, and its work waits little
HQ_RETRY_S: Final = HQ_TIMEOUT_S  # a full disk or a server that is away is asked again so late
