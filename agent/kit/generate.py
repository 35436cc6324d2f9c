"""Types of the vendor clients, made from docs/openapi.json: pos_agent/till_types.py and pos-agent-types.d.ts.

`python -m agent.kit.generate` writes both; a test fails when they and the document differ. Only what the clients use.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "openapi.json"
PYTHON, TYPESCRIPT = HERE / "pos_agent" / "till_types.py", HERE / "pos-agent-types.d.ts"
ROOTS = (
    "Hello", "StatusView", "Paired", "Problem", "ResolveRequest", "IdentificationView", "QuoteRequest", "QuoteView",
    "SaleRequest", "SaleView", "ReturnRequest", "ReturnView", "VoidRequest", "VoidView", "PrintRequest",
    "PrintJobView", "DrawerRequest",
)  # fmt: skip
_PLAIN_PYTHON = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_PLAIN_TYPESCRIPT = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_MARK = "Made by `python -m agent.kit.generate` from docs/openapi.json. Do not edit."
Schema = Mapping[str, Any]


def schemas() -> dict[str, Schema]:
    """The schemas that the clients use, each behind those it refers to."""
    found: dict[str, Schema] = json.loads(DOCUMENT.read_text(encoding="utf-8"))["components"]["schemas"]
    order: dict[str, Schema] = {}

    def visit(name: str) -> None:
        if name not in order:
            for needed in _references(found[name]):
                visit(needed)
            order[name] = found[name]

    for root in ROOTS:
        visit(root)
    return order


def python_text() -> str:
    """The Python module: one TypedDict for each schema."""
    parts = [f'"""Bodies and answers of the till\'s API, as PosAgent has them.\n\n{_MARK}\n"""\n']
    parts.append("from typing import Any, Literal, NotRequired, TypedDict")
    for name, schema in schemas().items():
        parts.append(f"\n\nclass {name}(TypedDict):")
        parts.append(f'    """{_sentence(name, schema)}"""\n')
        required = schema.get("required", ())
        for field, kind in schema["properties"].items():
            text = _python(kind)
            parts.append(f"    {field}: {text if field in required else f'NotRequired[{text}]'}")
    return "\n".join(parts) + "\n"


def typescript_text() -> str:
    """The TypeScript declarations: one interface for each schema."""
    parts = [f"// Bodies and answers of the till's API, as pos-agent.js has them.\n// {_MARK}"]
    for name, schema in schemas().items():
        parts.append(f"\n/** {_sentence(name, schema)} */\nexport interface {name} {{")
        required = schema.get("required", ())
        for field, kind in schema["properties"].items():
            parts.append(f"  {field}{'' if field in required else '?'}: {_typescript(kind)};")
        parts.append("}")
    return "\n".join(parts) + "\n"


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield _name(schema["$ref"])
        for part in schema.values():
            yield from _references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part)


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _sentence(name: str, schema: Schema) -> str:
    first = str(schema.get("description") or name).split("\n")[0]
    return first if len(first) < 100 else f"{name}."


def _choices(schema: Schema) -> list[Schema] | None:
    found: list[Schema] | None = schema.get("anyOf") or schema.get("oneOf")
    return found


def _literals(schema: Schema) -> list[str] | None:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return None if values is None else [json.dumps(one) for one in values]


def _python(schema: Schema) -> str:
    literals, choices = _literals(schema), _choices(schema)
    if "$ref" in schema:
        return _name(schema["$ref"])
    if literals is not None:
        return f"Literal[{', '.join(literals)}]"
    if choices is not None:
        return " | ".join(dict.fromkeys(_python(one) for one in choices))
    if schema.get("type") == "array":
        return f"list[{_python(schema.get('items', {}))}]"
    if schema.get("type") == "object":
        return f"dict[str, {_python(_values(schema))}]"
    return _PLAIN_PYTHON.get(str(schema.get("type")), "Any")


def _typescript(schema: Schema) -> str:
    literals, choices = _literals(schema), _choices(schema)
    if "$ref" in schema:
        return _name(schema["$ref"])
    if literals is not None:
        return " | ".join(literals)
    if choices is not None:
        return " | ".join(dict.fromkeys(_typescript(one) for one in choices))
    if schema.get("type") == "array":
        return f"Array<{_typescript(schema.get('items', {}))}>"
    if schema.get("type") == "object":
        return f"Record<string, {_typescript(_values(schema))}>"
    return _PLAIN_TYPESCRIPT.get(str(schema.get("type")), "unknown")


def _values(schema: Schema) -> Schema:
    found = schema.get("additionalProperties")
    return found if isinstance(found, dict) else {}


if __name__ == "__main__":
    PYTHON.write_text(python_text(), encoding="utf-8")
    TYPESCRIPT.write_text(typescript_text(), encoding="utf-8")
