"""The planted bugs: one textual change each, and who must notice it. Read by tests.mutants.

`before` must stand exactly once in the file: a patch that no longer fits is an error, not a pass. A killer is a pytest
node or, written as `sim SEED DAYS STORES SALES`, a world of tests.simulation.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug to plant, and its killer."""

    name: str
    file: str
    before: str
    after: str
    killer: str
    also: tuple[str, str] | None = None
    """A second change, where a bug is something done at the wrong place."""


_BOOKS, _HQ_BOOKS = "tests/contract/test_books.py", "tests/unit/test_hq_books.py"
_PRAGMAS = f"{_BOOKS}::test_books_open_with_the_pragmas_of_the_design_and_for_one_process_only"
_LEASES, _MACHINE = "tests/unit/test_leases.py", "tests/unit/test_lease_machine.py"
_BACK, _RETURNS = "tests/unit/test_giving_back.py", "tests/e2e/test_api_returns.py"
_PURSES = "tests/e2e/test_api_purses.py"
_ILL = "tests/contract/test_printer_ill.py"
_SIM = "sim 5 1 2 50"
_RIGHTS = (
    "tests/simulation/test_rights.py::"
    "test_a_right_used_or_held_while_the_clock_ran_ahead_comes_home_when_it_is_right_again"
)
_RESTORED = (
    "tests/unit/test_hq_restored.py::"
    "test_hq_that_has_forgotten_a_grant_gives_it_to_nobody_else_until_the_holder_has_told"
)
_DURABLE = "synchronous={'FULL' if durable else 'NORMAL'}"
_BOOKING = "        booking = self._ports.booking\n"
_WAKE = "        self._ports.wake_printing()\n"
_EARLIER = """            earlier = self._earlier(connection, draft.kind, draft.caller_id, draft.request)
            if earlier is not None:
                return earlier
            name ="""
_UNREACHED = """            except SyncError as error:
                attempt += 1
"""
_GAVE_UP = """                if attempt > 3:
                    from sync.protocol import Verdict, VerdictKind
                    epoch, dead = await self._ports.outbox.pending(500, 262144)
                    said = [Verdict(seq=one.seq, verdict=VerdictKind.SUSPENDED, code="GAVE_UP") for one in dead]
                    lost = BatchAnswer(watermark=0, gaps=[], verdicts=said)
                    await self._ports.outbox.settle(epoch, lost, 0)
"""

MUTANTS = (
    Mutant("synchronous=NORMAL", "agent/sqlite.py", _DURABLE, "synchronous=NORMAL", _PRAGMAS),
    Mutant("synchronous=OFF", "agent/sqlite.py", _DURABLE, "synchronous=OFF", _PRAGMAS),
    Mutant("print woken before the commit", "agent/flow.py", _BOOKING,
           f"        self._ports.wake_printing()\n{_BOOKING}", _SIM,
           also=(f"{_WAKE}        self._ports.wake_push()", "        self._ports.wake_push()")),
    Mutant("bytes leave before SENDING is durable", "agent/printing.py",
           "        await self._mark(job, JobState.SENDING, job.note, announce=not job.note)\n", "", _SIM),
    Mutant("a job cut off while printing is queued again", "agent/db/print_jobs.py",
           "UPDATE print_jobs SET state = 'unconfirmed'", "UPDATE print_jobs SET state = 'queued'",
           "tests/contract/test_print_ledger.py::"
           "test_a_job_found_half_sent_at_start_is_unconfirmed_and_never_printed_again_by_itself"),
    Mutant("paper in doubt is printed again", "agent/printing.py",
           "await self._mark(job, JobState.UNCONFIRMED, error.message)",
           "await self._mark(job, JobState.QUEUED, error.message)", _SIM),
    Mutant("a picture that broke off is left as it is", "drivers/escpos_printer.py",
           "        self._pay(session)\n", "",
           f"{_ILL}::test_a_picture_that_broke_off_never_eats_the_next_job"),
    Mutant("an answer that came before the question confirms", "drivers/escpos_session.py",
           "            self._forget(ReplyKind.GS_R)\n            self.unanswered", "            self.unanswered",
           "tests/unit/test_escpos_session.py::test_a_byte_that_came_before_the_question_confirms_nothing"),
    Mutant("a late answer is taken for the next one", "drivers/escpos_session.py",
           "        self._mute = reply is None\n", "",
           f"{_ILL}::test_a_late_answer_is_not_taken_for_that_of_the_next_question",
           also=("self._ask(2) if paper is not None else None", "self._ask(2)")),
    Mutant("a printer that says nothing is well", "agent/printer_watch.py",
           "await self._tell(None, UNVERIFIED)\n        code", "await self._tell(True, UNVERIFIED)\n        code",
           "tests/e2e/test_printing.py::test_pains_19_a_printer_that_says_nothing_is_unverified_never_fine"),
    Mutant("idempotency check removed from the commit", "agent/db/books.py", _EARLIER, "            name =",
           f"{_BOOKS}::test_the_same_caller_id_gives_the_first_answer_again_even_after_a_restart"),
    Mutant("outbox row forgotten", "agent/db/books.py",
           '        connection.execute("INSERT INTO outbox (epoch, seq) VALUES (:epoch, :seq)", where)\n', "", _SIM),
    Mutant("nonce not stored", "agent/flow.py", "nonces=(nonce,) if nonce is not None else (),", "nonces=(),",
           _SIM),
    Mutant("transaction_id not stored", "agent/flow.py", "transaction_ids=judged.transaction_ids,",
           "transaction_ids=(),",
           "tests/e2e/test_api_payments.py::test_a_transaction_stays_used_across_a_restart_and_while_hq_is_away"),
    Mutant("watermark ignored in the balance", "agent/domain/holdings.py",
           "        if seq > watermarks.get(epoch, 0):\n", "        if seq > 0:\n", _SIM),
    Mutant("unseen sales left out of the balance", "agent/domain/holdings.py",
           "balances[account] = balances.get(account, 0) + amount", "balances[account] = balances.get(account, 0)",
           _SIM),
    Mutant("transport failures spend a retry budget", "sync/push.py", _UNREACHED, _UNREACHED + _GAVE_UP, _SIM),
    Mutant("sent is taken for acknowledged", "sync/push.py",
           "            answer = await ports.hq.push(batch)\n",
           "            said = [Verdict(seq=one.seq, verdict=VerdictKind.CREATED) for one in events]\n"
           "            await ports.outbox.settle(epoch, BatchAnswer(watermark=0, gaps=[], verdicts=said), 0)\n"
           "            answer = await ports.hq.push(batch)\n", "tests/contract/test_push.py"),
    Mutant("HQ folds an event again when it exists", "sync/hq/fold.py",
           "DO UPDATE SET watermark = excluded.watermark, head = excluded.head,",
           "DO UPDATE SET head = excluded.head,", _SIM),
    Mutant("HQ takes another content for the same event", "sync/hq/books.py",
           "        if held[0] == digest:\n", "        if held[0]:\n",
           f"{_HQ_BOOKS}::test_another_content_under_a_known_name_is_kept_beside_and_changes_nothing"),
    Mutant("duplicates are not recognised at HQ", "sync/hq/books.py",
           "            if event.seq in held:\n", "            if False:\n",
           f"{_HQ_BOOKS}::test_a_batch_is_booked_once_however_often_it_comes",
           also=("if event.seq not in created]", "if False]")),
    Mutant("who fills a gap pays for the event behind it", "sync/hq/books.py",
           "folder.advance_one_by_one() if single else folder.advance()", "folder.advance()",
           "tests/unit/test_hq_set_aside.py::test_among_many_behind_a_gap_the_refused_one_alone_is_set_aside"),
    Mutant("chain not checked at HQ", "sync/hq/fold.py",
           "linked = chained == ours or chained == extend(sent, digest)", "linked = True",
           f"{_HQ_BOOKS}::test_a_wrong_chain_value_suspends_one_event"),
    Mutant("chain not checked when the store rehashes", "agent/db/walk.py",
           "        if columns:\n            self.altered", "        if False:\n            self.altered",
           "tests/e2e/test_reconcile.py::test_an_event_altered_in_the_store_is_found_and_named"),
    Mutant("HQ answers a cursor from the future", "sync/hq/feeds.py",
           'if after > last["last_no"] or last["forgotten"]:', 'if last["forgotten"]:',
           "tests/unit/test_hq_feeds.py::test_a_cursor_from_the_future_is_refused_not_left_to_lose_rows"),
    Mutant("a look passes a cursor from the future by", "sync/hq/looking.py",
           'bool(at != row["last_no"] or forgotten)', 'bool(at < row["last_no"] or forgotten)',
           "tests/unit/test_hq_look.py::test_a_look_names_the_feeds_whose_page_would_not_be_empty"),
    Mutant("a look acknowledges no erasure", "sync/hq/looking.py",
           "        if seen.acknowledges:\n", "        if False:\n",
           "tests/unit/test_hq_look.py::test_what_a_till_has_applied_is_known_by_its_look"),
    Mutant("what rides on a look is lost", "sync/pull.py",
           "if look is not None and Feed.MEMBERS not in look.moved:", "if False:",
           "tests/unit/test_pull.py::test_recalls_and_the_question_after_a_restoration_ride_on_the_look_and_are_told_once"),
    Mutant("a restored HQ gives feed numbers a second time", "sync/hq/feed_gaps.py",
           "AND :rows > 0), 0)", "AND :rows < 0), 0)", _RESTORED),
    Mutant("the same copy restored again leaps to the same numbers", "sync/hq/feed_gaps.py",
           "CASE WHEN last_no + :leap < :end THEN :end", "CASE WHEN last_no + :leap < :end THEN last_no + :leap",
           "tests/unit/test_hq_restored.py::test_the_same_copy_put_back_again_gives_no_number_a_second_time"),
    Mutant("a start of HQ leaves its mark as it is", "sync/hq/main.py",
           "            marks.renew(connection, clock.now_ms())\n", "            pass\n",
           "tests/unit/test_hq_restored.py::test_a_copy_is_noticed_though_only_feeds_went_on_since"),
    Mutant("a cursor from the future acknowledges an erasure", "sync/hq/erasures.py",
           'f" AND c.last_no >= :after AND NOT', 'f" AND NOT',
           "tests/unit/test_hq_erasures.py::"
           "test_a_cursor_that_hq_never_gave_or_has_forgotten_acknowledges_nothing"),
    Mutant("books that differ are moved to a server", "sync/hq/move.py",
           "        if held != sent[table.name]:\n", "        if False:\n",
           "tests/contract/test_hq_move.py::test_what_is_not_equal_is_not_moved"),
    Mutant("what HQ lost is not sent again", "agent/db/outbox.py",
           "UPDATE outbox SET state = 'pending', code = '', settled_at_ms = NULL",
           "UPDATE outbox SET code = '', settled_at_ms = NULL", "tests/e2e/test_reconcile.py"),
    Mutant("lease check removed from the spend", "agent/db/lease_rows.py", "SET remaining = remaining - :amount",
           "SET remaining = MAX(0, remaining - :amount)", _MACHINE,
           also=("{USABLE} AND {FREE} >= :amount", "{USABLE}")),
    Mutant("leases of an epoch that was left are spendable", "agent/db/lease_rules.py",
           "closed_seq IS NULL AND epoch = :epoch AND (usable", "closed_seq IS NULL AND (usable",
           f"{_LEASES}::test_a_restored_copy_cannot_spend_and_gives_back_in_a_new_epoch"),
    Mutant("what a quote holds is promised again", "agent/db/lease_rules.py",
           """FREE = f"remaining - {PROMISED.format(of='leases.lease_id')}\"""", 'FREE = "remaining"',
           f"{_LEASES}::test_a_lease_that_a_quote_holds_is_not_closed_and_not_promised_twice"),
    Mutant("a refund of a closed lease reopens it", "agent/db/lease_rows.py",
           "AND owner = :owner AND closed_seq IS NULL\",", "AND owner = :owner\",",
           f"{_LEASES}::test_a_refund_reopens_the_right_while_the_lease_is_open_and_goes_to_hq_after"),
    Mutant("a lost answer is granted again", "sync/hq/leases.py", "    if earlier:\n", "    if False:\n",
           f"{_LEASES}::test_a_lease_is_granted_once_per_request_however_often_the_answer_is_lost"),
    Mutant("a new request id for every attempt", "agent/leasing.py", "self._asked.setdefault(key, ", "str(",
           f"{_LEASES}::test_a_lease_is_granted_once_per_request_however_often_the_answer_is_lost"),
    Mutant("a grant leaves the lots as they were", "sync/hq/leases.py",
           '            lots.take(self.connection, member, want.account, row["bucket"], part)\n', "", _MACHINE),
    Mutant("a closing is honoured before the events it follows", "sync/hq/lease_book.py",
           "c.after_seq <= COALESCE(h.watermark, 0) END)", "1 END)",
           f"{_LEASES}::test_a_lease_of_an_epoch_that_was_left_waits_for_the_events_of_that_epoch"),
    Mutant("a closing gives back more than its till had left", "sync/hq/lease_book.py",
           'elif held_of(lease) > row["remaining"]:', "elif False:",
           f"{_LEASES}::test_a_spend_that_hq_suspended_keeps_its_lease_from_being_granted_again"),
    Mutant("a closed lease goes on being spent", "agent/db/lease_rules.py", '"closed_seq IS NULL AND epoch',
           '"epoch', _MACHINE),
    Mutant("points earned here are granted elsewhere at once", "sync/hq/lease_book.py",
           "        if opens_own_lease(one, lot):\n", "        if False:\n", _MACHINE),
    Mutant("restored books are granted leases", "sync/hq/leases.py",
           "if (top.fetchone()[0] or 0) > request.last:", "if False:",
           f"{_LEASES}::test_a_copy_without_a_witness_is_refused_new_leases_by_hq"),
    Mutant("after the sale: a second return does not know the first", "agent/aftersales.py",
           "        before = returned(of, events)\n", "        before = returned(of, [])\n",
           f"{_RETURNS}::test_one_of_three_and_then_the_rest_is_the_same_as_all_at_once"),
    Mutant("after the sale: points spent meanwhile are forgiven", "agent/domain/giving_back.py",
           "    _take(made, Posting(POINTS_ACCOUNT, _owner(of), rest, DEBT_BUCKET))\n", "",
           f"{_RETURNS}::test_a_return_after_the_points_were_spent_makes_debt_and_the_next_earning_repays_it"),
    Mutant("after the sale: returned points repay no debt", "agent/domain/giving_back.py",
           "    repaid = min(debt, total)\n", "    repaid = 0\n", _BACK),
    Mutant("after the sale: a lease is filled twice", "agent/domain/giving_back.py",
           "part = min(amount, -one.amount - back)", "part = min(amount, -one.amount)", _BACK),
    Mutant("after the sale: stored value that was never taken comes back", "agent/domain/giving_back.py",
           "    beyond = min(beyond, _gift_left(of, earlier))\n", "", _BACK),
    Mutant("after the sale: an expired coupon comes back", "agent/domain/giving_back.py",
           "if plan.coupon_restored and (not one.expires or day <= one.expires)", "if plan.coupon_restored", _BACK),
    Mutant("after the sale: a voided sale is returned", "agent/aftersales.py",
           'if any(event["kind"] == VOID for event in events):', "if False:",
           f"{_RETURNS}::test_a_void_leaves_nothing_and_comes_once"),
    Mutant("after the sale: a recharge is cancelled twice", "agent/purses.py",
           "if await ports.after.about(order.of_id, (RECHARGE_CANCEL,)):", "if False:",
           f"{_PURSES}::test_a_cancelled_recharge_gives_back_what_r9_says_once_and_only_here"),
    Mutant("after the sale: a recharge is cancelled by what is here alone", "agent/purses.py",
           "            if account == PRINCIPAL_ACCOUNT or not answered:", "            if False:",
           f"{_PURSES}::test_a_recharge_is_cancelled_after_its_rights_went_back_to_hq_and_not_while_hq_is_away"),
    Mutant("after the sale: a static code spends a card", "agent/service_desk.py",
           "if not who.certainty.may_spend:", "if False:",
           f"{_PURSES}::test_a_card_is_not_used_beyond_what_is_left_nor_by_a_static_code_nor_by_others"),
    Mutant("lease not debited", "agent/db/lease_rows.py", "SET remaining = remaining - :amount",
           "SET remaining = remaining - 0 * :amount", _SIM),
    Mutant("lots are granted twice", "sync/hq/lots.py",
           '    _move(connection, {"member_id": member_id, "account": account}, bucket, -amount)\n',
           "    assert amount > 0\n", _SIM),
    Mutant("what comes home is credited twice", "sync/hq/lease_book.py",
           "    left = held_of(lease)\n", "    left = held_of(lease) * 2\n", _SIM),
    Mutant("rights used while the clock ran ahead lie idle for years", "agent/db/leases.py",
           "(:idle > 0 AND touched_at_ms > :ahead)", "(:idle > 0 AND :ahead < 0)", _RIGHTS),
    Mutant("promises made while the clock ran ahead stand for years", "agent/db/lease_rules.py",
           "h.until_ms > :at AND h.until_ms <= :at + 86400000", "h.until_ms > :at", _RIGHTS),
    Mutant("a restored HQ grants what it has forgotten", "sync/hq/restored.py",
           "    if waiting(connection, brand_id):\n", "    if False:\n", _RESTORED),
    Mutant("HQ does not see that its database is a copy", "sync/hq/restored.py",
           "    elif seen is not None and seen > number:\n", "    elif False:\n", _RESTORED),
    Mutant("a till has told before HQ holds its books", "sync/hq/restored.py",
           "    if not missing:\n", "    if True:\n", _RESTORED),
    Mutant("what ended pays for nothing that was spent before", "sync/hq/lots.py",
           "    if ended:\n", "    if False:\n",
           "tests/unit/test_hq_expiry.py::test_when_hq_looks_for_what_has_ended_changes_nothing"),
    Mutant("points an hour of one till alone", "sync/hq/limits_audit.py",
           "WHERE member_id = :member_id AND what = :what AND at_ms > :after",
           "WHERE member_id = :member_id AND what = :what AND workstation_id = :workstation_id AND at_ms > :after",
           "tests/unit/test_hq_limits.py::"
           "test_points_of_two_tills_in_one_hour_freeze_the_member_until_a_person_has_looked"),
)  # fmt: skip
"""A sentinel of the harness itself is not listed: see `tests.mutants.__main__`."""
