"""Static HTML pages (query page, password): one self-contained file each, with its Content-Security-Policy."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Final

from starlette.responses import HTMLResponse

from domain.i18n.languages import LANGUAGES, TRANSLATIONS

_ASSETS: Final = Path(__file__).parents[1] / "assets"
PAGES_WITH_TEXTS: Final = ("password.html",)
_ENGLISH_TEXTS: Final = re.compile(r"^const ENGLISH = (\{.*?^\});$", re.MULTILINE | re.DOTALL)
_NO_TRANSLATIONS: Final = "const TRANSLATIONS = {};"


def read_query_page() -> bytes:
    """Return the query page: an editor for queries that also shows live subscriptions."""
    return (_ASSETS / "query.html").read_bytes()


def read_password_page() -> bytes:
    """Return the page on which an employee sets a password with a one-time link, or requests such a link."""
    return _read_translated("password.html")


def read_page_texts(name: str) -> dict[str, str]:
    """Return the English texts of a page, by the names under which its script knows them."""
    match = _ENGLISH_TEXTS.search((_ASSETS / name).read_text())
    assert match is not None, f"{name} has its texts in a constant ENGLISH"
    texts: dict[str, str] = json.loads(match[1])
    return texts


def _read_translated(name: str) -> bytes:
    """Return a page with its texts in all languages of the catalogues."""
    texts = read_page_texts(name)
    translations = {code: {key: LANGUAGES[code].text(text) for key, text in texts.items()} for code in TRANSLATIONS}
    script = json.dumps(translations, ensure_ascii=False).replace("<", "\\u003c")  # no text may end the script
    page = (_ASSETS / name).read_text()
    return page.replace(_NO_TRANSLATIONS, f"const TRANSLATIONS = {script};", 1).encode()


def make_page_response(page: bytes) -> HTMLResponse:
    """Return the response with a page and its policy; browsers revalidate it each time, so they see new versions."""
    return HTMLResponse(
        page,
        headers={
            "content-security-policy": build_content_security_policy(page),
            "cache-control": "no-cache",
        },
    )


def build_content_security_policy(page: bytes) -> str:
    """Return the Content-Security-Policy that allows a page's own inline script and style only, by their hashes.

    The page may connect to its own server only, over HTTP and WebSocket.
    """
    script, style = (_hash_inline_elements(page, tag) for tag in (b"script", b"style"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash_inline_elements(page: bytes, tag: bytes) -> str:
    elements = re.findall(rb"<" + tag + rb">(.*?)</" + tag + rb">", page, re.DOTALL)
    return (
        " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(element).digest()).decode()}'" for element in elements)
        or "'none'"
    )
