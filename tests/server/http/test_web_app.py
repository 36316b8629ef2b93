"""The files of `web/`: how they are served, and what all of them must keep to."""

from __future__ import annotations

import gzip
import html
import json
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from graphql import parse, validate

from domain.alerts.rules import ALERT_DEFINITIONS, AlertKind
from domain.i18n.languages import LANGUAGES, TRANSLATIONS
from domain.permissions import Action, Role
from graph.schema import create_schema
from server.http.web_app import POLICY, SCREEN_PATHS, find_imports, load_web_app, read_messages
from tests.http_server import RunningServer, run_test_server
from tests.web_documents import DOCUMENTS, SCRIPTS, WEB

MAX_LINES = 300
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.cookie|https?://(?!www\.w3\.org)"
)
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    async with run_test_server(tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=list(DOCUMENTS))
async def test_documents_of_screens_are_valid(document: str) -> None:
    assert validate(create_schema()._schema, parse(document)) == []


async def test_every_kind_of_operation_is_found() -> None:
    assert len(DOCUMENTS) > 40
    assert {text.split()[0].partition("(")[0] for text in DOCUMENTS.values()} == {"query", "mutation", "subscription"}


@pytest.mark.parametrize("path", SCRIPTS)
async def test_script_is_short_and_inserts_no_html(path: str) -> None:
    assert len(SCRIPTS[path].splitlines()) < MAX_LINES
    assert not FORBIDDEN.search(SCRIPTS[path])


async def test_every_import_exists() -> None:
    missing = [
        (path, name)
        for path, script in SCRIPTS.items()
        for name in re.findall(r'(?:from|import\(|import) ?"(\.[^"]+)"', script)
        if not (WEB / path).parent.joinpath(name).exists()
    ]

    assert missing == []


@pytest.mark.parametrize("path", SCREEN_PATHS)
async def test_screen_is_served_at_its_address(server: RunningServer, path: str) -> None:
    response = await server.http.get(path.format(id="RW1wbG95ZWU6MQ", part="people"))

    assert response.status_code == 200
    assert response.content == load_web_app().page.content
    assert response.headers["content-security-policy"] == POLICY
    assert response.headers["cache-control"] == "no-cache"
    assert "demo-accounts" not in response.text


async def test_files_are_compressed_and_kept_by_browsers(server: RunningServer) -> None:
    app = load_web_app()
    path = f"/web/{app.digest}/main.js"
    response = await server.http.get(path, headers={"accept-encoding": "gzip"})
    plain = await server.http.get(path, headers={"accept-encoding": "identity"})
    repeated = await server.http.get(path, headers={"if-none-match": response.headers["etag"]})
    other_version = await server.http.get("/web/000000000000/main.js")
    absent = await server.http.get(f"/web/{app.digest}/index.html")

    assert response.headers["content-encoding"] == "gzip"
    assert response.content == plain.content == (WEB / "main.js").read_bytes()
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in response.headers["cache-control"]
    assert (repeated.status_code, repeated.content) == (304, b"")
    assert other_version.headers["cache-control"] == "no-cache"
    assert absent.status_code == 404


async def test_first_screen_is_small() -> None:
    app = load_web_app()
    loaded = re.findall(r'(?:href|src)="/web/\w+/([^"]+)"', app.page.content.decode())
    screen = {"screens/dashboard.js", *find_imports("screens/dashboard.js")}

    assert {"main.js", "core/socket.js", "styles/tokens.css"} <= set(loaded)
    assert sum(len(app.files[path].compressed or b"") for path in {*loaded, *screen}) < 80_000


async def test_screens_name_roles_only_to_show_and_choose_them() -> None:
    frame = (WEB / "parts" / "frame.js").read_text()
    [names] = re.findall(r"roleNames = \(\) => \(\{(.*?)\}\);", frame)
    comparisons = {path: re.findall(r"viewer\(\)\.role\b.*", (WEB / path).read_text()) for path in SCRIPTS}

    assert re.findall(r"\b([A-Z_]+): t\(", names) == [*Role]
    assert {path: found for path, found in comparisons.items() if found} == {}


async def test_screens_ask_for_actions_of_the_permission_table() -> None:
    asked = {action for path in SCRIPTS for action in re.findall(r'canFor\w+\("(\w+)"\)', (WEB / path).read_text())}

    assert asked
    assert asked <= Action.__members__.keys()


@pytest.mark.parametrize("code", TRANSLATIONS)
async def test_texts_are_served_in_every_language(server: RunningServer, code: str) -> None:
    texts = (await server.http.get(f"/web/{load_web_app().digest}/texts/{code}.json")).json()

    assert len(texts) == len(read_messages())
    assert texts["Sign in"] != "Sign in"
    categories = {*LANGUAGES[code].locale.plural_form.tags, "other"}
    assert {frozenset(text) for text in texts.values() if isinstance(text, dict)} == {frozenset(categories)}


async def test_form_of_alert_rules_knows_each_kind_and_its_settings() -> None:
    source = (WEB / "admin" / "rules.js").read_text()
    [numbers] = re.findall(r"NUMBER_OF_KIND = {(.*?)}", source)
    [about_deals] = re.findall(r"ABOUT_DEALS = new Set\(\[(.*?)\]\)", source)
    [names] = re.findall(r"kindNames = \(\) => \(\{(.*?)\}\);", source, re.DOTALL)

    assert set(re.findall(r"\b([A-Z_]+): t\(", names)) == {kind.value for kind in AlertKind}
    assert set(re.findall(r'"([A-Z_]+)"', about_deals)) == {
        kind.value for kind, definition in ALERT_DEFINITIONS.items() if definition.about_deals
    }
    assert dict(re.findall(r'([A-Z_]+): "(\w+)"', numbers)) == {
        kind.value: name
        for kind, definition in ALERT_DEFINITIONS.items()
        for name in ("days", "hours", "percent")
        if getattr(definition, f"default_{name}")
    }


async def test_pages_offer_all_languages() -> None:
    for page in (load_web_app().page, load_web_app().wallboard):
        assert f'<meta name="languages" content="{" ".join(LANGUAGES)}">' in page.content.decode()


async def test_page_of_a_demo_offers_its_accounts() -> None:
    accounts = {"password": "<b>", "wallboard": "sld_1", "accounts": [{"role": "ADMIN", "email": '"@example.com'}]}
    page = load_web_app().with_demo_accounts(accounts).page

    [content] = re.findall(r'<meta name="demo-accounts" content="([^"]*)">', page.content.decode())
    assert "<b>" not in content
    assert json.loads(html.unescape(content)) == accounts
    assert page.compressed is not None
    assert gzip.decompress(page.compressed) == page.content
