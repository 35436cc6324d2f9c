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
_SIM = "sim 5 1 2 50"
_DURABLE = "synchronous={'FULL' if durable else 'NORMAL'}"
_FACTS = "            facts, judged = await self._ports.booking.facts(order)\n"
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
    Mutant("print woken before the commit", "agent/flow.py", _FACTS,
           f"            self._ports.wake_printing()\n{_FACTS}", _SIM,
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
    Mutant("idempotency check removed from the commit", "agent/db/books.py", _EARLIER, "            name =",
           f"{_BOOKS}::test_the_same_caller_id_gives_the_first_answer_again_even_after_a_restart"),
    Mutant("outbox row forgotten", "agent/db/books.py",
           '        connection.execute("INSERT INTO outbox (epoch, seq) VALUES (:epoch, :seq)", where)\n', "", _SIM),
    Mutant("nonce not stored", "agent/flow.py", "nonces=(nonce,) if nonce is not None else (),", "nonces=(),",
           _SIM),
    Mutant("transaction_id not stored", "agent/flow.py", "transaction_ids=judged.transaction_ids,",
           "transaction_ids=(),",
           "tests/e2e/test_api_payments.py::test_a_transaction_stays_used_across_a_restart_and_while_hq_is_away"),
    Mutant("watermark ignored in the balance", "agent/domain/ledger.py",
           "if seq > watermarks.get(epoch, 0))", "if seq > 0)", _SIM),
    Mutant("unseen sales left out of the balance", "agent/identify.py",
           "found.member.points + unseen(postings, found.watermarks)", "found.member.points", _SIM),
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
           "            elif held[event.seq][0] == digest:\n", "            elif held[event.seq][0]:\n",
           f"{_HQ_BOOKS}::test_another_content_under_a_known_name_is_kept_beside_and_changes_nothing"),
    Mutant("duplicates are not recognised at HQ", "sync/hq/books.py",
           "            if event.seq not in held:\n", "            if True:\n", _SIM),
    Mutant("chain not checked at HQ", "sync/hq/fold.py",
           'linked = row["chain"] in (extend(head, row["digest"]), extend(sent, row["digest"]))', "linked = True",
           f"{_HQ_BOOKS}::test_a_wrong_chain_value_suspends_one_event"),
    Mutant("chain not checked when the store rehashes", "agent/db/walk.py",
           "        if columns:\n            self.altered", "        if False:\n            self.altered",
           "tests/e2e/test_reconcile.py::test_an_event_altered_in_the_store_is_found_and_named"),
    Mutant("HQ answers a cursor from the future", "sync/hq/feeds.py",
           "        if after > last:\n", "        if False:\n",
           "tests/unit/test_hq_feeds.py::test_a_cursor_from_the_future_is_refused_not_left_to_lose_rows"),
    Mutant("what HQ lost is not sent again", "agent/db/outbox.py",
           "UPDATE outbox SET state = 'pending', code = '', settled_at_ms = NULL",
           "UPDATE outbox SET code = '', settled_at_ms = NULL", "tests/e2e/test_reconcile.py"),
)  # fmt: skip
"""A sentinel of the harness itself is not listed: see `tests.mutants.__main__`."""
