"""Languages stand in catalogues alone: the code contains English, and names no other language."""

from __future__ import annotations

import re

import pytest

from domain.i18n.language import LOCALES
from domain.i18n.languages import TRANSLATIONS
from tests.source_tree import ROOT

PRODUCT_FOLDERS = ("domain", "models", "resolvers", "subscriptions", "graph", "imports", "demo", "server")
CODE_SUFFIXES = {".py", ".html", ".js", ".css", ".graphql", ".sql"}
CYRILLIC = re.compile("[\u0400-\u04ff]")
NAMED_LANGUAGE = re.compile("|".join(rf"""["']{code}["']""" for code in TRANSLATIONS))


def list_matching_lines(pattern: re.Pattern[str], text: str) -> list[int]:
    return [number for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]


def find_in_code(pattern: re.Pattern[str], *more_folders: str) -> list[str]:
    """Return the lines of code with a match, outside of the catalogues."""
    return [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in (*PRODUCT_FOLDERS, *more_folders)
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in CODE_SUFFIXES and LOCALES not in path.parents
        for line in list_matching_lines(pattern, path.read_text())
    ]


@pytest.mark.parametrize(
    ("pattern", "text", "lines"),
    [
        (CYRILLIC, 'a\n"\u0434\u0430"\n', [2]),
        (NAMED_LANGUAGE, f'language = "{TRANSLATIONS[0]}"', [1]),
        (NAMED_LANGUAGE, f"{TRANSLATIONS[0]} = 1", []),
    ],
)
def test_pattern_finds_what_code_may_not_contain(pattern, text, lines):
    assert list_matching_lines(pattern, text) == lines


def test_code_has_no_cyrillic_letters():
    assert find_in_code(CYRILLIC) == [], "put translations into domain/i18n/locales/, other data into a .toml file"


def test_code_names_no_language_but_english():
    assert find_in_code(NAMED_LANGUAGE, "web") == [], "a language is a folder in domain/i18n/locales/"
