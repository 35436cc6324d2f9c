"""Keys: files nobody else may read, fields bound to their place, and mistakes that say what to do."""

import stat
from pathlib import Path

import pytest

from agent.domain.errors import ConfigError, StorageError
from agent.keyring import DEVICE_KEY, FIELD_KEY, FileKeyRing, prepare_device_key
from sync.protocol import identity_index
from tests.books_world import HQ_KEY, make_keys
from tests.stand_ins import CountingEntropy


def test_key_files_are_for_their_owner_only(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys")
    for name in (DEVICE_KEY, FIELD_KEY, "enrolment.json"):
        assert stat.S_IMODE((tmp_path / "keys" / name).stat().st_mode) == 0o600


def test_a_sealed_field_opens_in_its_own_place_only(tmp_path: Path) -> None:
    keys = make_keys(tmp_path)
    sealed = keys.encrypt("payers", "pairs", "1", "oOpenid")
    assert keys.decrypt("payers", "pairs", "1", sealed) == "oOpenid"
    for place in (("payers", "pairs", "2"), ("payers", "other", "1"), ("jobs", "pairs", "1")):
        with pytest.raises(StorageError):
            keys.decrypt(*place, sealed)
    with pytest.raises(StorageError):
        keys.decrypt("payers", "pairs", "1", sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_the_same_field_never_seals_to_the_same_bytes(tmp_path: Path) -> None:
    keys = make_keys(tmp_path)
    assert keys.encrypt("t", "c", "r", "x") != keys.encrypt("t", "c", "r", "x")


def test_the_blind_index_is_the_one_hq_computes(tmp_path: Path) -> None:
    keys = make_keys(tmp_path)
    assert keys.blind_index("code", "018255396048") == identity_index(bytes(32), "code", "018255396048")
    assert keys.blind_index("wx", "a:b") != keys.blind_index("code", "a:b")


def test_only_our_hq_is_believed(tmp_path: Path) -> None:
    keys = make_keys(tmp_path)
    assert keys.verify_hq(HQ_KEY.sign(b"proof"), b"proof")
    assert not keys.verify_hq(HQ_KEY.sign(b"proof"), b"other")
    assert not keys.verify_hq(bytes(64), b"proof")


def test_enrolling_again_keeps_the_keys_that_are_there(tmp_path: Path) -> None:
    """Losing the field key would lose every sealed row."""
    first = prepare_device_key(tmp_path, CountingEntropy())
    assert prepare_device_key(tmp_path, CountingEntropy()) == first


def test_a_workstation_that_is_not_enrolled_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pos-agent enrol"):
        FileKeyRing(tmp_path, CountingEntropy())


def test_a_short_key_file_is_named(tmp_path: Path) -> None:
    make_keys(tmp_path)
    (tmp_path / FIELD_KEY).write_bytes(b"short")
    with pytest.raises(ConfigError, match=r"field\.key has 5 bytes"):
        FileKeyRing(tmp_path, CountingEntropy())
