"""Every limit of the store's agent, with its unit and the reason for its size.

Read by all rooms; imports nothing. A limit that an operator may set lives in agent.config and takes its default here.
"""

from typing import Final

# --- scanning -------------------------------------------------------------------------------------------------------
SCAN_FRAME_BYTES: Final = 512  # LIMIT: the longest QR a member code or coupon uses is far below; garbage must end
SCAN_IDLE_GAP_MS: Final = 50  # LIMIT: one character takes 1.04 ms at 9600 bit/s; USB-CDC packets come within 30 ms
KEYBOARD_IDLE_GAP_MS: Final = 200  # LIMIT: scanners that type pause up to this long between two keys
SCAN_DUPLICATE_WINDOW_MS: Final = 1500  # LIMIT: presentation scanners reread within 1-2 s
SCAN_QUEUE: Final = 64  # scans waiting for the flow; a cashier makes one a second at most
SCAN_STALL_MS: Final = 500  # LIMIT: a terminated frame may hiccup on the bus this long; no hand scans twice in it
SCAN_DUPLICATES_KEPT: Final = 64  # digests remembered for the duplicate window; far more than a window can hold
PASSTHROUGH_CODES: Final = 16  # LIMIT: codes a POS has not read yet; beyond that a cashier has scanned again
DEVICE_REOPEN_BASE_S: Final = 0.25  # first wait before a lost device is opened again
DEVICE_REOPEN_CAP_S: Final = 2.0  # LIMIT: a cashier who plugs a scanner back in waits no longer than this
DEVICE_STABLE_S: Final = 10.0  # a device that held this long starts again from the first wait

# --- people and their patience --------------------------------------------------------------------------------------
NETWORK_DEADLINE_MS: Final = 800  # the only await between scan and receipt that may leave the box
IDENTIFICATION_TTL_S: Final = 900  # 15 minutes of monotonic time (till-api)
QUOTE_TTL_S: Final = 900  # a quote lives as long as the identification behind it
IDENTIFICATIONS: Final = 2048  # held in memory; the oldest go first
QUOTES: Final = 2048
DYNAMIC_CODE_WINDOW_S: Final = 90  # a dynamic member code is valid this long after issue
DYNAMIC_CODE_SKEW_S: Final = 60  # and this much before or after, for clocks that differ
PAYMENT_CODE_KEPT_S: Final = 60  # LIMIT: WeChat refreshes a code every minute, and it dies on use
PAYMENT_CODES_KEPT: Final = 64  # a till asks for a handful a minute
NONCES_SEEN: Final = 4096  # LIMIT: of codes that could still be fresh; a till resolves some dozens in that time
PAIRING_CODE_TTL_S: Final = 300  # a person walks from one screen to another
PAIRING_ATTEMPTS: Final = 5  # wrong guesses before a pairing code dies
SESSION_S: Final = 14 * 3600  # the longest shift; a page left open over night asks for the PIN again
PIN_ATTEMPTS: Final = 5  # LIMIT: wrong PINs in a row before one has to wait
PIN_LOCK_S: Final = 60  # the first wait; it doubles with every further wrong PIN
PIN_LOCK_CAP_S: Final = 900
NAMES_COUNTED: Final = 256  # names whose wrong PINs are remembered; a shop has a dozen

# --- a sale ---------------------------------------------------------------------------------------------------------
SALE_LINES: Final = 500
SALE_TENDERS: Final = 20
SALE_COUPONS: Final = 10  # LIMIT: each may need a lease of its own, and HQ takes LEASE_WANTS at once
QTY: Final = 100_000
AMOUNT_FEN: Final = 10_000_000_00  # ten million yuan; sums of 500 such lines stay far inside int64
POINTS: Final = 1_000_000_000
TEXT_CHARS: Final = 200  # names, notes and ids that callers send
WECHAT_RESULT_BYTES: Final = 64 * 1024  # promotion_detail alone may have 6,000 characters
WECHAT_SIGNATURE_WINDOW_S: Final = 300  # WIRE: WeChat's SDKs refuse a difference of five minutes and more
API_BODY_BYTES: Final = 1024 * 1024

# --- the local API --------------------------------------------------------------------------------------------------
API_REQUESTS_PER_S: Final = 50  # per token; a till makes a handful a second, a runaway loop is stopped
EVENT_CLIENTS: Final = 32
EVENT_CLIENT_QUEUE: Final = 256  # a reader this far behind is disconnected and replays by Last-Event-ID
FIGURES_STEP_EVENTS: Final = 100  # some 3 ms of the books' writer, so that a look at the figures never holds up a sale
LISTED: Final = 500  # rows of one answer to a page
NOTICES_KEPT: Final = 5_000  # replayable events, about a busy week of one till
NOTICES_DOUBT: Final = 1_000_000  # LIMIT: what is left out where a training's numbers are lost: a year of a busy till
MODE_QUIET_S: Final = 180  # LIMIT: a customer who was told a price has paid by then, or gone; before, no switch
MODE_PAPER_LOOK_S: Final = 0.05  # between two looks whether receipts of sales that came while the till turned are out
MODE_CHANGES: Final = 50  # of the audit, as the manager page lists them

# --- printing -------------------------------------------------------------------------------------------------------
PRINT_CONNECT_S: Final = 3
PRINT_BYTE_TIMEOUT_S: Final = 10  # no progress for this long means the printer has stopped reading
PRINT_STATUS_S: Final = 1
PRINT_COMPLETION_S: Final = 20  # a long receipt at 9600 bit/s
RECEIPT_EXPIRY_S: Final = 12 * 3600  # a receipt is still wanted at the end of the shift, not the next day
JOIN_PROMPT_EXPIRY_S: Final = 15 * 60  # the customer has left
DRAWER_EXPIRY_S: Final = 15  # a drawer that opens late opens for nobody
PRINT_SLOWEST_BYTES_PER_S: Final = 900  # LIMIT: 9600 bit/s; a deadline grows with the length of the job (pains 21)
PRINT_HOLD_S: Final = 15 * 60  # a job that waits in the printer for a new roll; then a person decides about it
PRINT_WATCH_S: Final = 1  # between two looks at a printer at rest: what it says is shown within 2 s
PRINT_STRAY_BYTES: Final = 64 * 1024  # said unasked at opening; a device that says more is no printer of ours
PRINT_FINISH_S: Final = 2  # patience for a network printer to close its side once it took everything
PRINT_RETRY_BASE_S: Final = 0.5
PRINT_RETRY_MAX_S: Final = 15
RECEIPT_TEXT_CHARS: Final = 2_000

# --- the tap ---------------------------------------------------------------------------------------------------------
TAP_HOLD_MS: Final = 300  # LIMIT: no byte of the POS waits longer for the daemon (till-api)
TAP_REAL_TIME_HOLD_MS: Final = 40  # LIMIT: a DLE EOT behind a cut waits this long; POS software waits 500 ms and more
TAP_QUIET_MS: Final = 100  # silence after a cut that ends a job
TAP_IDLE_MS: Final = 1000  # silence without a cut that ends a job; a slow POS pauses some 200 ms between two writes
TAP_HEAD_BYTES: Final = 64 * 1024  # a command whose length is not known after so many bytes is in doubt
TAP_TRAILER_BYTES: Final = 16  # an unknown command and what follows it at the end of a stream: no text of a receipt
TAP_HELD_BYTES: Final = 256 * 1024  # LIMIT: what follows a cut and is kept back until the job's end is known
TAP_TEXT_BYTES: Final = 64 * 1024  # a receipt of 1,000 lines; of a longer one no total is read
TAP_TRANSACTIONS: Final = 3  # transaction numbers of one receipt that the daemon is told
TAP_PICTURE_DOTS: Final = 200  # a lower picture (25 mm) is a logo and no receipt
TAP_FEED_LINES: Final = 4  # print head to cutter on the usual 80 mm unit: 15 mm
TAP_BLOCK_BYTES: Final = 32 * 1024  # what is appended at most; a QR code as a picture has some 12 kB
TAP_ANSWER_BYTES: Final = 16 * 1024  # one line on the tap's socket
TAP_ANSWERS_KEPT: Final = 256  # jobs whose answer is given again; a till prints some hundred receipts an hour at most
TAP_PAYMENT_MATCH_S: Final = 180  # a receipt is printed this soon after its payment was handed over
TAP_LEAVE_S: Final = 1  # silence after which a serial POS gives the printer to others
TAP_WAITING: Final = 16  # connections that wait for the printer; a shop has some three tills to a printer
TAP_DRAIN_S: Final = 5  # patience for the job under way when the tap is stopped

# --- HQ -------------------------------------------------------------------------------------------------------------
BATCH_EVENTS: Final = 500
BATCH_BYTES: Final = 256 * 1024  # before compression
BATCH_INFLATED_BYTES: Final = 4 * 1024 * 1024  # what HQ is willing to unpack
FEED_PAGE_ROWS: Final = 1000
FEED_RUN_PAGES: Final = 300  # small pages in one answer of HQ's; one a second of five minutes
HQ_TIMEOUT_S: Final = 20
HQ_DEADLINE_S: Final = 120  # LIMIT: a whole call; 1,000 rows need 20 s at 64 kbit/s, a dripping answer never ends
BACKOFF_BASE_S: Final = 1.0
BACKOFF_CAP_S: Final = 300.0
PULL_INTERVAL_S: Final = 60
PULL_SPREAD: Final = 0.1  # either way of the interval: ten thousand tills that began together drift apart
LOOK_AGAIN_S: Final = 3600.0  # before an HQ that knows no look is asked again: it may have been upgraded since
PROOF_STEP_EVENTS: Final = 500  # some 4 ms of the books' writer, so that a proof never holds up a sale
PROOF_UNIT_EVENTS: Final = 4_000  # events one request proves, some seconds at HQ; longer units go in parts
RIDE_EVENTS: Final = 2_000  # a longer unit does not ride on a push: its answer would keep the verdicts waiting
AUDIT_EVENTS: Final = 5_000  # sealed events each end rehashes again per proof, round robin; a till books 1,000 a day
PROOF_SEALS: Final = 200  # seals in one message; the next proof brings the rest
LOCATE_PLACES: Final = 4096  # sub-buckets in one answer: 72 kB
LOCATE_EVENTS: Final = 200  # whole events fetched for a person to compare; all others are named by seq
SUSPENSIONS: Final = 500  # suspended events an answer names, the newest first
FINDINGS: Final = 500  # rows one audit names; the first is already an alarm
REPLICA_CHECK_ROWS: Final = 20_000  # rows per feed and hour; ten million members take three weeks, 100,000 five hours
RANGE_ROWS: Final = 500  # rows under one digest
SMALL_RANGE_ROWS: Final = 16  # rows under one digest once a range differs; what is sent again
RANGES_ASKED: Final = 64
CLOCK_JUMP_S: Final = 60  # wall and monotonic time may drift apart this far between two looks; NTP slews far less
CLOCK_WATCH_S: Final = 5
CLOCK_SKEW_S: Final = 300  # LIMIT: a till five minutes beside HQ is flagged and not trusted (R15)
CLOCK_DRIFT_PPM: Final = 100  # LIMIT: what a PC's oscillator may run beside true time: 8.6 s a day
CLOCK_ROUND_TRIP_S: Final = 20  # a slower answer says the time too vaguely to be believed
CLOCK_MARK_KEPT_S: Final = 600  # how often what HQ's clock said is written down while HQ is reached
RECONCILE_SLOT_SPREAD_S: Final = 300  # stores of a chain spread over the first five minutes of the hour
REPLICA_JOB_ROWS: Final = 250  # rows per write job, so that a look-up never waits more than some 5 ms
SNAPSHOT_PART_BYTES: Final = 2 * 1024 * 1024  # of the file; as it travels some 600 kB, 80 s at 64 kbit/s
SNAPSHOT_PARTS: Final = 16_384  # LIMIT: 32 GiB, some two hundred million members
SNAPSHOT_ASK_PAGES: Final = 25  # of one feed in a row before a till asks for a snapshot; more than HQ shares
SNAPSHOT_BEHIND_ROWS: Final = 100_000  # LIMIT: below this, feeds take a minute and a snapshot is not worth its bytes
SNAPSHOT_RANGE_BYTES: Final = 8 * 1024 * 1024  # asked for at once; a range that breaks off is asked for from there
SNAPSHOT_SPARE_BYTES: Final = 128 * 1024 * 1024  # LIMIT: room that must be left beside both replicas while one loads
SNAPSHOT_RANGE_S: Final = 3600.0  # LIMIT: of one range; 8 MiB need 17 minutes at 64 kbit/s, a dripping answer ends
SNAPSHOT_RETRY_S: Final = 600.0  # after a load that could not be finished; what has come is kept

# --- leases ---------------------------------------------------------------------------------------------------------
LEASES_AN_EVENT: Final = 200  # opened or closed by one event: 60 kB of body at most
LEASE_WANTS: Final = 20  # sub-accounts asked for at once; a sale spends from five
LEASE_USABLE_S: Final = 7 * 24 * 3600  # a till may be cut off over a holiday; what it strands then comes back
LEASE_IDLE_S: Final = 900  # a right nobody used since goes back to HQ, so that other tills may have it
LEASE_HOLD_S: Final = 900  # as long as the quote it was promised to
LEASE_LOOK_S: Final = 60  # how often a till looks for leases to close
LEASES_A_PAGE: Final = 1000
LEASES_RECALLED: Final = 200  # ids on one page of the feed; the next page names the rest

# --- risk -----------------------------------------------------------------------------------------------------------
POINTS_AN_HOUR: Final = 5_000  # LIMIT: more than this freezes; 5000 itself does not (S53)
FREE_REDEMPTIONS: Final = 3  # in the window below; the next one asks for a second confirmation (S48, no figure given)
REDEMPTION_WINDOW_MIN: Final = 60
SNAPSHOT_AGE_H: Final = 72  # LIMIT: a long weekend without HQ; beyond it nothing is spent (R13)
CLAIM_WINDOW_H: Final = 72  # how long after a sale joining still credits it (R11)

# --- the disk -------------------------------------------------------------------------------------------------------
DISK_LOW_BYTES: Final = 32 * 1024 * 1024  # LIMIT: a week's events at 4 kB, and the notices, proofs and marks of a day
DISK_BALLAST_BYTES: Final = 4 * 1024 * 1024  # LIMIT: what a WAL holds when it is folded (1,000 pages of 4 kB)
DISK_CHECK_S: Final = 5  # LIMIT: healing is promised within 60 s of room; one statvfs is a microsecond

# --- stopping -------------------------------------------------------------------------------------------------------
DRAIN_S: Final = 10
HEALTH_INTERVAL_S: Final = 5

# --- pictures from a point of sale that speaks to Odoo's box ---------------------------------------------------------
HW_PROXY_BODY_BYTES: Final = 8 << 20  # LIMIT: a long receipt is a JPEG of about 1 MB in base64
HW_PROXY_ROWS: Final = 12_000  # LIMIT: 1.5 m of paper at 8 dots a millimetre
HW_PROXY_AGAIN_S: Final = 10  # LIMIT: the very same receipt so soon is the client's retry (pains 16), not a second page
