"""Finds the messages in the code and in the pages, and brings the catalogues of all languages up to date:

python -m tests.message_catalogues      add new messages, untranslated; remove those that the code no longer has

A message is a literal where it is made: the first argument of an error that is shown to users, of `Message`, `Plural`
or `gettext_noop`, or of `text` of a language.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from domain.i18n.language import LOCALES
from domain.i18n.languages import TRANSLATIONS
from domain.ledger.metrics import METRICS
from domain.messages import Plural
from server.http import web_app
from server.http.static_pages import PAGES_WITH_TEXTS, read_page_texts
from tests.source_tree import SourceFile, read_source_files

FOLDERS: Final = ("domain", "models", "resolvers", "subscriptions", "graph", "imports", "server")
_ERROR_BASES: Final = {"MessageError", "InvalidScalar"}  # their subclasses are found in the code
_FUNCTIONS: Final = {"Message", "Plural", "gettext_noop", "text", "require_admin"}

MessageId = str | tuple[str, str]  # of a sentence with plural forms: for one, and for more


@cache
def extract_messages() -> dict[MessageId, str]:
    """Return the messages of the product, each with the file in which it stands first."""
    messages: dict[MessageId, str] = {}
    files = read_files()
    functions = _FUNCTIONS | find_error_classes(files)
    for file in files:
        for call, template in iterate_templates(file, functions):
            for message_id in _literals(template, call):
                messages.setdefault(message_id, file.name)
    for metric in METRICS.values():
        for text in (metric.name, metric.description):
            messages.setdefault(text, "domain/ledger/metrics.py")
    for page in PAGES_WITH_TEXTS:
        for text in read_page_texts(page).values():
            messages.setdefault(text, f"server/assets/{page}")
    for message, path in web_app.read_messages().items():
        messages.setdefault((message.singular, message.plural) if isinstance(message, Plural) else message, path)
    return messages


def read_files() -> list[SourceFile]:
    """Return the modules of the product, folder by folder."""
    return [file for folder in FOLDERS for file in read_source_files(folder)]


def find_error_classes(files: Iterable[SourceFile]) -> set[str]:
    """Return the names of the classes whose first argument is a message, subclasses of subclasses included."""
    names = set(_ERROR_BASES)
    bases = {
        node.name: {_last_name(base) for base in node.bases}
        for file in files
        for node in file.nodes
        if isinstance(node, ast.ClassDef)
    }
    while subclasses := {name for name, class_bases in bases.items() if class_bases & names} - names:
        names |= subclasses
    return names


def iterate_templates(file: SourceFile, functions: set[str]) -> Iterator[tuple[ast.Call, ast.expr]]:
    """Yield the calls of the functions, each with its first argument."""
    for node in file.nodes:
        if isinstance(node, ast.Call) and node.args and _last_name(node.func) in functions:
            yield node, node.args[0]


def _last_name(expression: ast.expr) -> str:
    """Return the name behind the last dot of an expression, if it is a name."""
    match expression:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value):  # a generic class
            return _last_name(value)
    return ""


def _literals(template: ast.expr, call: ast.Call) -> list[MessageId]:
    match template:
        case ast.Constant(value=str(singular)) if ast.unparse(call.func) == "Plural":
            return [(singular, ast.literal_eval(call.args[1]))]
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=if_true, orelse=if_false):
            return _literals(if_true, call) + _literals(if_false, call)
    return []


def read_catalogue(code: str) -> Catalog:
    with (LOCALES / code / "messages.po").open("rb") as file:
        return read_po(file, locale=code)


def update_catalogue(code: str, messages: Mapping[MessageId, str]) -> None:
    """Write the catalogue of a language with exactly these messages, in the order of their files."""
    catalogue, translations = Catalog(code, fuzzy=False), read_catalogue(code)
    for message_id, path in sorted(messages.items(), key=lambda item: item[1]):
        existing = translations.get(message_id)
        catalogue.add(message_id, existing.string if existing else "", [(path, 0)])
    with (LOCALES / code / "messages.po").open("wb") as file:
        file.write(f'msgid ""\nmsgstr ""\n"Language: {code}\\n"\n'.encode())
        file.write(b'"Content-Type: text/plain; charset=utf-8\\n"\n')
        file.write(f'"Plural-Forms: {catalogue.plural_forms}\\n"\n\n'.encode())
        write_po(file, catalogue, width=100, omit_header=True, include_lineno=False)


if __name__ == "__main__":
    found_messages = extract_messages()
    for language_code in TRANSLATIONS:
        update_catalogue(language_code, found_messages)
