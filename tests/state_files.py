"""Look into every file of a till's state as a thief would: raw bytes, WAL included."""

from collections.abc import Iterable
from pathlib import Path


def found_in_files(folder: Path, secrets: Iterable[str]) -> list[tuple[str, str]]:
    """(secret, file) for each secret that stands in plaintext, as UTF-8 or UTF-16, in a regular file below `folder`."""
    files = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    assert any(path.name == "books.db" for path in files), "this is no till's state directory"
    return [
        (secret, path.name)
        for secret in secrets
        for path, content in files.items()
        if secret.encode() in content or secret.encode("utf-16-le") in content
    ]
