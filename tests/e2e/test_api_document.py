"""docs/openapi.json is the contract (till-api): the file in the repository is what the running till serves."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agent.api.document import DOCUMENT, text, till_api
from agent.api.door import OPEN_PATHS
from agent.api.problems import MEDIA_TYPE
from tests.api_till import ApiTill, running

REGENERATE = "docs/openapi.json is not what the till serves; run:  .venv/bin/python -m agent.api.document"


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiTill]:
    with running(tmp_path_factory.mktemp("document")) as found:
        yield found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, found in document["paths"].items():
        for operation in found.values():
            yield path, operation


def test_the_document_in_the_repository_is_the_running_tills(till: ApiTill) -> None:
    served = till.call("GET", "/openapi.json").json()
    assert DOCUMENT.exists(), REGENERATE
    assert json.loads(DOCUMENT.read_text(encoding="utf-8")) == served, REGENERATE
    assert DOCUMENT.read_text(encoding="utf-8") == text(), REGENERATE


def test_the_document_tells_of_token_and_problems_and_hides_control() -> None:
    document = till_api().openapi()
    assert document["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}
    assert not [path for path in document["paths"] if path.startswith("/control")]
    for path, operation in operations(document):
        assert (operation.get("security") == []) == (path in OPEN_PATHS)
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert list(answer["content"]) == [MEDIA_TYPE], (path, status)


def test_readers_generated_from_the_document_survive_an_added_field_pains_38() -> None:
    """Requests are closed, answers are open: within /v1 fields may be added to answers."""
    schemas = till_api().openapi()["components"]["schemas"]
    closed = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}
    assert {name for name in schemas if name.endswith(("Request", "Block"))} == closed
