"""The screens for browsers: the files of `web/`, and the HTML page that loads them at each of its addresses."""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final, TypedDict

from starlette.requests import Request
from starlette.responses import Response

from domain.i18n.languages import LANGUAGES, TRANSLATIONS
from domain.messages import Plural
from domain.primitives.global_ids import decode_global_id

_FOLDER: Final = Path(__file__).parents[2] / "web"
_MEDIA_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
_PLACE_OF_LINKS: Final = "<!-- styles and modules: inserted by the server -->"
_WALLBOARD: Final = "wallboard/main.js"
_SERVICE_WORKER: Final = "service_worker.js"
_STRING: Final = r'"((?:[^"\\]|\\.)*)"'
_TEXT_CALL: Final = re.compile(rf"\bt\(\s*{_STRING}")
_PLURAL_CALL: Final = re.compile(rf"\bplural\(\s*{_STRING},\s*{_STRING}")
_IMPORT: Final = re.compile(r'^(?:import|export) .*?from "(\.[^"]+)";$|^import "(\.[^"]+)";$', re.MULTILINE)

# Paths of the screens. Each is answered with the same page, whose script reads the address.
SCREEN_PATHS: Final = (
    "/", "/ranking", "/people", "/people/{id}", "/plan", "/alerts", "/setup", "/admin", "/admin/{part}",
)  # fmt: skip

# Only the page's own files, no inline code, and no string that becomes code. Styles are set by the object model.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_PAGE_HEADERS: Final = {"content-security-policy": POLICY, "cache-control": "no-cache"}


class DemoAccount(TypedDict):
    role: str
    email: str


class DemoAccounts(TypedDict):
    """Accounts of a demo, which all have the same password, and the token of its wallboard."""

    password: str
    wallboard: str
    accounts: list[DemoAccount]


@dataclass(frozen=True)
class WebFile:
    """A file as it is sent; `compressed` is None where compression saves nothing."""

    content: bytes
    compressed: bytes | None
    media_type: str
    etag: str


@dataclass(frozen=True)
class WebApp:
    """All files by their path below `/web/DIGEST/`, and the page.

    digest  of all contents: an address with it never changes its meaning, so browsers may keep the file for ever
    page  of all screens for people; wallboard: the page for the screen in the office
    service_worker  opens the page without a network; it knows the files of this version
    """

    digest: str
    files: Mapping[str, WebFile]
    page: WebFile
    wallboard: WebFile
    service_worker: WebFile

    def with_demo_accounts(self, accounts: DemoAccounts) -> WebApp:
        """Return the application of a demo, whose page offers the accounts to sign in with."""
        content = html.escape(json.dumps(accounts, ensure_ascii=False))
        page = self.page.content.decode().replace(
            "</head>", f'<meta name="demo-accounts" content="{content}">\n</head>'
        )
        return replace(self, page=_make_file(page.encode(), self.page.media_type))

    async def handle_screen(self, request: Request) -> Response:
        """Answer with the page, which browsers revalidate each time, so that they see new versions.

        The status is 404 where no screen can have the address; the page says so with the links of its viewer around it.
        """
        exists = self._has_screen(**request.path_params)
        return _make_response(self.page, request, _PAGE_HEADERS, status=200 if exists else 404)

    def _has_screen(self, id: str | None = None, part: str | None = None) -> bool:
        """Return whether the parameters of an address can be those of a screen: the id of a person, a subject."""
        person = decode_global_id(id) if id is not None else None
        return (id is None or (person is not None and person[0] == "Employee")) and (
            part is None or f"admin/{part}.js" in self.files
        )

    async def handle_wallboard(self, request: Request) -> Response:
        """Answer with the wallboard, which is a client of the public API and contains no data and no secret."""
        return _make_response(self.wallboard, request, _PAGE_HEADERS)

    async def handle_service_worker(self, request: Request) -> Response:
        """Answer with the service worker. Its place at the root lets it open every screen."""
        return _make_response(self.service_worker, request, _PAGE_HEADERS)

    async def handle_file(self, request: Request) -> Response:
        """Answer with a file. A page of another version gets it as well, but must not keep it."""
        file = self.files.get(request.path_params["path"])
        if file is None:
            return Response("Not Found", status_code=404, media_type="text/plain")
        is_current = request.path_params["digest"] == self.digest
        caching = "public, max-age=31536000, immutable" if is_current else "no-cache"
        return _make_response(file, request, {"cache-control": caching})


@cache
def load_web_app() -> WebApp:
    """Read the folder, add the texts of all languages, and compress everything."""
    contents = {path: (_FOLDER / path).read_bytes() for path in list_files() if not path.endswith(".html")}
    for code in TRANSLATIONS:
        contents[f"texts/{code}.json"] = json.dumps(translate_messages(code), ensure_ascii=False).encode()
    templates = [(_FOLDER / name).read_text() for name in ("index.html", "wallboard.html")]
    digest = hashlib.sha256(repr((templates, sorted(contents.items()))).encode()).hexdigest()[:12]
    files = {path: _make_file(content, _MEDIA_TYPES[Path(path).suffix]) for path, content in contents.items()}
    links = [_make_links(list(contents), "styles", "main.js"), _make_links(list(contents), "wallboard", _WALLBOARD)]
    pages = [
        template.replace(_PLACE_OF_LINKS, link)
        .replace("{base}", f"/web/{digest}/")
        .replace("{languages}", " ".join(LANGUAGES))
        for template, link in zip(templates, links, strict=True)
    ]
    page, wallboard = (_make_file(page.encode(), "text/html; charset=utf-8") for page in pages)
    worker = contents[_SERVICE_WORKER].decode()
    for name, value in (("BASE", f"/web/{digest}/"), ("PATHS", _list_offline_files(files))):
        worker = re.sub(rf"const {name} = .*?;", f"const {name} = {json.dumps(value)};", worker, count=1)
    return WebApp(digest, files, page, wallboard, _make_file(worker.encode(), _MEDIA_TYPES[".js"]))


def _list_offline_files(paths: Iterable[str]) -> list[str]:
    """Return the files that screens need without a network: all but those of the wallboard."""
    return sorted(path for path in paths if not path.startswith("wallboard/") and path != _SERVICE_WORKER)


def list_files() -> list[str]:
    """Return the paths of the files that are served, without those that only tools read."""
    paths = sorted(path.relative_to(_FOLDER).as_posix() for path in _FOLDER.rglob("*") if path.is_file())
    return [path for path in paths if Path(path).suffix in (*_MEDIA_TYPES, ".html") and "tsconfig" not in path]


def read_messages() -> dict[str | Plural, str]:
    """Return the English texts of the scripts, each with the file in which it stands first."""
    messages: dict[str | Plural, str] = {}
    for path in list_files():
        if path.endswith(".js"):
            text = (_FOLDER / path).read_text()
            for match in _TEXT_CALL.finditer(text):
                messages.setdefault(json.loads(f'"{match[1]}"'), f"web/{path}")
            for match in _PLURAL_CALL.finditer(text):
                singular, plural = (json.loads(f'"{form}"') for form in match.groups())
                messages.setdefault(Plural(singular, plural, "count"), f"web/{path}")
    return messages


def translate_messages(code: str) -> dict[str, str | dict[str, str]]:
    """Return the texts of the scripts in a language by the English ones; of a plural, all forms by the singular.

    The forms of a plural have the CLDR categories as keys, as `Intl.PluralRules` of a browser names them.
    """
    language = LANGUAGES[code]
    return {
        message.singular if isinstance(message, Plural) else message: language.plural_forms(message)
        if isinstance(message, Plural)
        else language.text(message)
        for message in read_messages()
    }


def _make_links(paths: list[str], styles_folder: str, main: str) -> str:
    """Return the elements that load the styles, the modules that a page needs at once, and its main module."""
    styles = [path for path in paths if path.endswith(".css") and path.rpartition("/")[0] == styles_folder]
    return "\n".join(
        [
            *(f'<link rel="stylesheet" href="{{base}}{path}">' for path in styles),
            *(f'<link rel="modulepreload" href="{{base}}{path}">' for path in sorted(find_imports(main))),
            f'<script type="module" src="{{base}}{main}"></script>',
        ]
    )


def find_imports(path: str) -> set[str]:
    """Return the modules that a module imports at its start, directly or not."""
    visited: set[str] = set()
    queue = [path]
    while queue:
        module = _FOLDER / queue.pop()
        for match in _IMPORT.finditer(module.read_text()):
            imported = (module.parent / (match[1] or match[2])).resolve().relative_to(_FOLDER.resolve()).as_posix()
            if imported not in visited:
                visited.add(imported)
                queue.append(imported)
    return visited


def _make_file(content: bytes, media_type: str) -> WebFile:
    compressed = gzip.compress(content, mtime=0)
    digest = hashlib.sha256(content).hexdigest()[:16]
    return WebFile(content, compressed if len(compressed) < len(content) else None, media_type, f'"{digest}"')


def _make_response(file: WebFile, request: Request, headers: Mapping[str, str], *, status: int = 200) -> Response:
    """Return a response with a file: compressed where the browser accepts it, without body where it has it already."""
    accepts_gzip = "gzip" in request.headers.get("accept-encoding", "")
    all_headers = {"etag": file.etag, "vary": "Accept-Encoding", **headers}
    if status == 200 and file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=all_headers)
    if accepts_gzip and file.compressed is not None:
        all_headers["content-encoding"] = "gzip"
        return Response(file.compressed, status, all_headers, file.media_type)
    return Response(file.content, status, all_headers, file.media_type)
