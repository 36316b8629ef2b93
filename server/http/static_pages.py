"""The pages: each one file of ours, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Final

from starlette.responses import HTMLResponse

_ASSETS: Final = Path(__file__).parents[1] / "assets"


def query_page() -> bytes:
    """Return the page on which a person writes queries and sees subscriptions move."""
    return (_ASSETS / "query.html").read_bytes()


def wallboard() -> bytes:
    """Return the page of the office screen: a client of the public API, which holds no secret and no number."""
    return (_ASSETS / "wallboard.html").read_bytes()


def response(page: bytes) -> HTMLResponse:
    """Return a page with its policy; a browser asks each time, so that a new version is seen at once."""
    return HTMLResponse(
        page,
        headers={
            "content-security-policy": policy(page),
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-cache",
        },
    )


def policy(page: bytes) -> str:
    """Return the Content-Security-Policy under which a page's own script and style run, and nothing else.

    It talks to its own server alone, over HTTP and WebSocket.
    """
    script, style = (_hashes(page, tag) for tag in (b"script", b"style"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hashes(page: bytes, tag: bytes) -> str:
    found = re.findall(rb"<" + tag + rb">(.*?)</" + tag + rb">", page, re.DOTALL)
    return (
        " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(each).digest()).decode()}'" for each in found) or "'none'"
    )
