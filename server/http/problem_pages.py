"""Pages for people whose browser asks for an address that does not exist, or that the server fails to answer."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from domain.i18n.languages import DEFAULT_LANGUAGE, get_language
from domain.messages import gettext_noop
from server.http.static_pages import build_content_security_policy
from server.observability.logging import current_request_id
from server.requests.client_info import joined_header
from server.requests.content_negotiation import negotiate_language

_TEMPLATE: Final = (Path(__file__).parents[1] / "assets" / "problem.html").read_text()
_LINKS: Final = (
    ("/", gettext_noop("To the start")),
    ("/ranking", gettext_noop("Ranking")),
    ("/people", gettext_noop("People")),
)


@dataclass(frozen=True)
class _Problem:
    """`reason`: the whole response to a program; title and text: English messages for the page."""

    status: int
    reason: str
    title: str
    text: str


NOT_FOUND: Final = _Problem(
    404,
    "Not Found",
    gettext_noop("This page does not exist"),
    gettext_noop("The address is mistyped, or what it has led to is no longer there."),
)
FAILURE: Final = _Problem(
    500,
    "Internal Server Error",
    gettext_noop("The server has failed to answer"),
    gettext_noop("Try again in a moment. If it fails again, tell the administrator this number of the request:"),
)


async def handle_not_found(request: Request, error: Exception) -> Response:
    """Answer an address that no route has."""
    return _make_response(NOT_FOUND, request)


async def handle_failure(request: Request, error: Exception) -> Response:
    """Answer after an error that nothing has caught; the log has it under the id of the request."""
    return _make_response(FAILURE, request, current_request_id())


def _make_response(problem: _Problem, request: Request, detail: str = "") -> Response:
    """Return a page in the browser's language; for a program, which does not ask for HTML, the reason as plain text."""
    if "text/html" not in joined_header(request.headers, "accept"):
        return PlainTextResponse(problem.reason, problem.status)
    page = _render_page(problem, negotiate_language(joined_header(request.headers, "accept-language")), detail)
    headers = {
        "content-security-policy": build_content_security_policy(page.encode()),
        "cache-control": "no-store",
        "vary": "Accept, Accept-Language",
    }
    return HTMLResponse(page, problem.status, headers)


def _render_page(problem: _Problem, language: str, detail: str = "") -> str:
    """Return the page in a language, English if it is none of ours. `detail` follows the text."""
    texts = get_language(language)
    values = {
        "language": language or DEFAULT_LANGUAGE,
        "status": str(problem.status),
        "title": escape(texts.text(problem.title)),
        "text": escape(f"{texts.text(problem.text)} {detail}".rstrip()),
        "links": " ".join(f'<a href="{path}">{escape(texts.text(name))}</a>' for path, name in _LINKS),
    }
    page = _TEMPLATE
    for name, value in values.items():
        page = page.replace(f"{{{name}}}", value)
    return page
