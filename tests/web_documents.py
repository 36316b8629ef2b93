"""The GraphQL documents of the screens: found in the scripts of `web/`, with their fragments in place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from server.http.web_app import list_files

WEB: Final = Path(__file__).parents[1] / "web"
SCRIPTS: Final = {path: (WEB / path).read_text() for path in list_files() if path.endswith(".js")}
_NAMED_DOCUMENT: Final = re.compile(r"const (\w+) = gql`([^`]*)`;")
_PARTIAL: Final = re.compile(r"\$\{(\w+)\}")


def find_documents() -> dict[str, str]:
    """Return the operations by the path of their script and the name of their constant."""
    shared = {name: text for script in SCRIPTS.values() for name, text in _find_fragments(script).items()}
    shared["VIEWER"] = re.findall(r'const VIEWER = "(.*)";', SCRIPTS["core/session.js"])[0]
    return {
        f"{path} {name}": _expand(text, shared | _find_fragments(script))
        for path, script in SCRIPTS.items()
        for name, text in _NAMED_DOCUMENT.findall(script)
        if re.match(r"\s*(query|mutation|subscription)\b", text)
    }


def _find_fragments(script: str) -> dict[str, str]:
    return {name: text for name, text in _NAMED_DOCUMENT.findall(script) if " on " in text}


def _expand(text: str, fragments: dict[str, str]) -> str:
    """Replace the names of fragments by their texts, as the browser does."""
    return _PARTIAL.sub(lambda match: _expand(fragments[match[1]], fragments), text)


DOCUMENTS: Final = find_documents()
