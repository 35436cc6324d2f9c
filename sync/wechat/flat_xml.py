"""WeChat's v2 XML as a flat table of texts: `<xml><name>text</name>...</xml>` and nothing else.

Pure; called by results and, at HQ, by v2_calls before signatures are checked. It must never resolve an entity, follow a
reference or guess: document types, entities, nesting, attributes, comments, processing instructions and an element that
comes twice are refused, since two readers of such a text could read two different payments.
"""

import re
from collections.abc import Mapping
from xml.etree.ElementTree import ParseError  # only the error's name; defusedxml does the reading
from xml.sax.saxutils import escape

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,63}")


class NotFlat(Exception):
    """The text is not a flat table. The message names the rule that was broken, never the content."""


class _Table:
    """Target of the parser: takes events and refuses everything that is not `<xml><name>text</name></xml>`."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self._depth = 0
        self._parts: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Open an element."""
        if attributes:
            raise NotFlat("an element has attributes")
        if self._depth == 0 and tag != "xml":
            raise NotFlat("the root element is not <xml>")
        if self._depth > 1:
            raise NotFlat("elements are nested")
        if self._depth == 1:
            if not _NAME.fullmatch(tag):
                raise NotFlat("an element's name is not one of WeChat's")
            if tag in self.fields:
                raise NotFlat("an element comes twice")
        self._depth += 1
        self._parts = []

    def data(self, text: str) -> None:
        """Take a piece of text."""
        if self._depth == 2:
            self._parts.append(text)
        elif text.strip():
            raise NotFlat("text stands between elements")

    def end(self, tag: str) -> None:
        """Close an element."""
        self._depth -= 1
        if self._depth == 1:
            self.fields[tag] = "".join(self._parts)

    def comment(self, _text: str) -> None:
        """Refuse comments: they split values, and readers differ in how they join them again."""
        raise NotFlat("it holds a comment")

    def pi(self, _target: str, _text: str) -> None:
        """Refuse processing instructions."""
        raise NotFlat("it holds a processing instruction")

    def close(self) -> dict[str, str]:
        """Give the table."""
        return self.fields


def read(text: str) -> dict[str, str]:
    """Read a flat XML text; values are exact, empty elements are empty texts. Raises NotFlat, nothing else.

    >>> read("<xml><return_code><![CDATA[SUCCESS]]></return_code><attach></attach></xml>")
    {'return_code': 'SUCCESS', 'attach': ''}
    """
    table = _Table()
    fault = ""
    try:
        parser = DefusedXMLParser(target=table, forbid_dtd=True, forbid_entities=True, forbid_external=True)
        parser.feed(text)
        parser.close()
    except DefusedXmlException:
        fault = "it declares a document type, an entity or an external reference"
    except (ParseError, ValueError):
        fault = "it is not well-formed XML"
    if fault:  # Raised out here, so that no exception chain carries the text along.
        raise NotFlat(fault)
    return table.fields


def write(fields: Mapping[str, str]) -> bytes:
    """Write a flat table as WeChat reads it; every value is escaped, so that none can add an element.

    >>> write({"attach": "a]]><b/>", "total_fee": "1"}).decode()
    '<xml><attach>a]]&gt;&lt;b/&gt;</attach><total_fee>1</total_fee></xml>'
    """
    return f"<xml>{''.join(f'<{name}>{escape(value)}</{name}>' for name, value in fields.items())}</xml>".encode()
