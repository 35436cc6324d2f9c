"""Every refusal and discrepancy has a sentence for the cashier (till-api, "Errors"): found in the source, by AST."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.wording import CHINESE, ENGLISH, SENTENCES, sentence
from agent.words.headquarters import HEADQUARTERS
from agent.words.machine import MACHINE
from agent.words.till import TILL

ROOT = Path(__file__).parents[2]
_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_ONE_WORD = re.compile(r"[A-Z]{4,}")
_MAKERS = {"Refusal", "Discrepancy", "problem"}
_OTHER_WORDS = (
    "sync/wechat/states.py",  # WeChat's own error codes
    "agent/demo/",  # made-up WeChat results
    "agent/cli/",  # names of environment variables; its errors are the daemon's or HQ's
    "agent/words/",  # the sentences themselves
    "agent/notify.py",  # systemd's environment variables
)
_NOT_OURS = {
    "CERTIFICATE_VERIFY_FAILED",  # OpenSSL's word
    "AEAD_AES_256_GCM",  # WeChat's
    "AUTO_ACTIVATE",
    "CREDENTIALS_DIRECTORY",  # systemd's variable
    "VALID_MONTHS",  # a name of this program, no code
}


def codes_in(tree: ast.AST) -> Iterator[str]:
    """String constants with a code's form, and codes of one word where a refusal or discrepancy is made of them."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and _CODE.fullmatch(node.value)
            and node.value not in _NOT_OURS
        ):
            yield node.value
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in _MAKERS:
            for given in node.args[:2]:
                if isinstance(given, ast.Constant) and _ONE_WORD.fullmatch(str(given.value)):
                    yield str(given.value)


def all_codes() -> dict[str, str]:
    """Code -> a file that uses it."""
    found: dict[str, str] = {}
    for path in sorted([*(ROOT / "agent").rglob("*.py"), *(ROOT / "sync").rglob("*.py")]):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(_OTHER_WORDS):
            found |= dict.fromkeys(codes_in(ast.parse(path.read_text(encoding="utf-8"))), name)
    return found


@pytest.mark.parametrize(("code", "file"), sorted(all_codes().items()))
def test_a_code_has_a_sentence_in_both_languages(code: str, file: str) -> None:
    assert code in SENTENCES, f"{code} of {file} has no sentence in agent/words"
    assert re.search(r"[\u4e00-\u9fff]", sentence(code, CHINESE))
    assert sentence(code, ENGLISH).isascii()


def test_the_search_sees_what_the_till_really_answers() -> None:
    assert {"CONFLICT", "IN_FLIGHT", "UNKNOWN_SUB_MCH_ID", "TRANSACTION_USED", "NO_SUCH_CALL", "INTERNAL"} <= set(
        all_codes()
    )


def test_a_code_stands_in_one_table_only() -> None:
    assert len(TILL) + len(MACHINE) + len(HEADQUARTERS) == len(SENTENCES)


def test_no_sentence_claims_the_final_right_of_interpretation_s60() -> None:
    assert "最终解释权" not in str(SENTENCES)
