"""The security page answers every requirement of the ASVS, and agrees with the code and the tests that it names."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Final

import pytest

from domain.auth.password_policy import CONTEXT_WORDS
from resolvers.auth import passwords, signing
from tests.source_tree import ROOT, read_product_files

PAGE: Final = (ROOT / "docs" / "security.md").read_text()
# Numbers of the requirements of the OWASP ASVS 5.0.0, by level.
LEVEL_1: Final = [
    "1.2.1",
    "1.2.2",
    "1.2.3",
    "1.2.4",
    "1.2.5",
    "1.3.1",
    "1.3.2",
    "1.5.1",
    "2.1.1",
    "2.2.1",
    "2.2.2",
    "2.3.1",
    "3.2.1",
    "3.2.2",
    "3.3.1",
    "3.4.1",
    "3.4.2",
    "3.5.1",
    "3.5.2",
    "3.5.3",
    "4.1.1",
    "4.4.1",
    "5.2.1",
    "5.2.2",
    "5.3.1",
    "5.3.2",
    "6.1.1",
    "6.2.1",
    "6.2.2",
    "6.2.3",
    "6.2.4",
    "6.2.5",
    "6.2.6",
    "6.2.7",
    "6.2.8",
    "6.3.1",
    "6.3.2",
    "6.4.1",
    "6.4.2",
    "7.2.1",
    "7.2.2",
    "7.2.3",
    "7.2.4",
    "7.4.1",
    "7.4.2",
    "8.1.1",
    "8.2.1",
    "8.2.2",
    "8.3.1",
    "9.1.1",
    "9.1.2",
    "9.1.3",
    "9.2.1",
    "10.4.1",
    "10.4.2",
    "10.4.3",
    "10.4.4",
    "10.4.5",
    "11.3.1",
    "11.3.2",
    "11.4.1",
    "12.1.1",
    "12.2.1",
    "12.2.2",
    "13.4.1",
    "14.2.1",
    "14.3.1",
    "15.1.1",
    "15.2.1",
    "15.3.1",
]
LEVEL_2: Final = [
    "1.1.1",
    "1.1.2",
    "1.2.6",
    "1.2.7",
    "1.2.8",
    "1.2.9",
    "1.3.3",
    "1.3.4",
    "1.3.5",
    "1.3.6",
    "1.3.7",
    "1.3.8",
    "1.3.9",
    "1.3.10",
    "1.3.11",
    "1.4.1",
    "1.4.2",
    "1.4.3",
    "1.5.2",
    "2.1.2",
    "2.1.3",
    "2.2.3",
    "2.3.2",
    "2.3.3",
    "2.3.4",
    "2.4.1",
    "3.3.2",
    "3.3.3",
    "3.3.4",
    "3.4.3",
    "3.4.4",
    "3.4.5",
    "3.4.6",
    "3.5.4",
    "3.5.5",
    "3.7.1",
    "3.7.2",
    "4.1.2",
    "4.1.3",
    "4.2.1",
    "4.3.1",
    "4.3.2",
    "4.4.2",
    "4.4.3",
    "4.4.4",
    "5.1.1",
    "5.2.3",
    "5.4.1",
    "5.4.2",
    "5.4.3",
    "6.1.2",
    "6.1.3",
    "6.2.9",
    "6.2.10",
    "6.2.11",
    "6.2.12",
    "6.3.3",
    "6.3.4",
    "6.4.3",
    "6.4.4",
    "6.5.1",
    "6.5.2",
    "6.5.3",
    "6.5.4",
    "6.5.5",
    "6.6.1",
    "6.6.2",
    "6.6.3",
    "6.8.1",
    "6.8.2",
    "6.8.3",
    "6.8.4",
    "7.1.1",
    "7.1.2",
    "7.1.3",
    "7.3.1",
    "7.3.2",
    "7.4.3",
    "7.4.4",
    "7.4.5",
    "7.5.1",
    "7.5.2",
    "7.6.1",
    "7.6.2",
    "8.1.2",
    "8.2.3",
    "8.4.1",
    "9.2.2",
    "9.2.3",
    "9.2.4",
    "10.1.1",
    "10.1.2",
    "10.2.1",
    "10.2.2",
    "10.3.1",
    "10.3.2",
    "10.3.3",
    "10.3.4",
    "10.4.6",
    "10.4.7",
    "10.4.8",
    "10.4.9",
    "10.4.10",
    "10.4.11",
    "10.5.1",
    "10.5.2",
    "10.5.3",
    "10.5.4",
    "10.5.5",
    "10.6.1",
    "10.6.2",
    "10.7.1",
    "10.7.2",
    "10.7.3",
    "11.1.1",
    "11.1.2",
    "11.2.1",
    "11.2.2",
    "11.2.3",
    "11.3.3",
    "11.4.2",
    "11.4.3",
    "11.4.4",
    "11.5.1",
    "11.6.1",
    "12.1.2",
    "12.1.3",
    "12.3.1",
    "12.3.2",
    "12.3.3",
    "12.3.4",
    "13.1.1",
    "13.2.1",
    "13.2.2",
    "13.2.3",
    "13.2.4",
    "13.2.5",
    "13.3.1",
    "13.3.2",
    "13.4.2",
    "13.4.3",
    "13.4.4",
    "13.4.5",
    "14.1.1",
    "14.1.2",
    "14.2.2",
    "14.2.3",
    "14.2.4",
    "14.3.2",
    "14.3.3",
    "15.1.2",
    "15.1.3",
    "15.2.2",
    "15.2.3",
    "15.3.2",
    "15.3.3",
    "15.3.4",
    "15.3.5",
    "15.3.6",
    "15.3.7",
    "16.1.1",
    "16.2.1",
    "16.2.2",
    "16.2.3",
    "16.2.4",
    "16.2.5",
    "16.3.1",
    "16.3.2",
    "16.3.3",
    "16.3.4",
    "16.4.1",
    "16.4.2",
    "16.4.3",
    "16.5.1",
    "16.5.2",
    "16.5.3",
    "17.1.1",
    "17.2.1",
    "17.2.2",
    "17.2.3",
    "17.2.4",
    "17.3.1",
    "17.3.2",
]
ROW: Final = re.compile(r"^\| (\d+\.\d+\.\d+) \| (\d) \| (.+?) \| \*\*(.+?)\*\*: (.+?) \| ?(.*?) ?\|$", re.MULTILINE)
ROWS: Final = ROW.findall(PAGE)  # number, level, subject, answer, explanation, tests
ANSWERS: Final = ("Met", "Partly", "Not met", "Operator", "Not applicable")
TEST: Final = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_requirement_is_answered_once_in_the_order_of_the_standard() -> None:
    def sort_key(number: str) -> list[int]:
        return [int(part) for part in number.split(".")]

    levels = dict.fromkeys(LEVEL_1, "1") | dict.fromkeys(LEVEL_2, "2")

    assert [(number, level) for number, level, *_ in ROWS] == sorted(levels.items(), key=lambda item: sort_key(item[0]))
    assert len(re.findall(r"^\| \d+\.\d", PAGE, re.MULTILINE)) == len(ROWS)  # no line that the pattern does not match


def test_chapters_have_the_numbers_of_their_requirements() -> None:
    for chapter, text in re.findall(r"^### V(\d+) [^\n]+\n(.*?)(?=^### |\Z)", PAGE, re.MULTILINE | re.DOTALL):
        assert {number.partition(".")[0] for number, *_ in ROW.findall(text)} == {chapter}


@pytest.mark.parametrize(("number", "answer", "explanation", "tests"), [(row[0], *row[3:]) for row in ROWS])
def test_answer_names_a_test_or_says_why_there_is_none(number: str, answer: str, explanation: str, tests: str) -> None:
    named = TEST.findall(tests)

    assert answer in ANSWERS
    assert explanation
    assert TEST.sub("", tests).strip(" ,") == ""
    assert named or answer not in ("Met", "Partly")
    assert [f"{file}::{name}" for file, name in named if name not in list_tests(file)] == []


@cache
def list_tests(file: str) -> set[str]:
    """Return the names of the tests in a file."""
    if not (ROOT / file).exists():
        return set()
    nodes = ast.walk(ast.parse((ROOT / file).read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_summary_counts_the_answers() -> None:
    summary = dict(re.findall(r"^\| (Met|Partly|Not met|Operator|Not applicable) \| (\d+) \|$", PAGE, re.MULTILINE))

    assert {answer: int(count) for answer, count in summary.items()} == Counter(row[3] for row in ROWS)


def test_modules_of_answers_exist() -> None:
    paths = {path for row in ROWS for path in re.findall(r"`([\w./-]+(?:/|\.(?:py|html|graphql|yml|txt)))`", row[4])}

    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_words_that_passwords_must_not_consist_of_are_listed() -> None:
    section = PAGE.partition("\n## Passwords\n")[2].partition("\n## ")[0]

    assert set(re.findall(r"`(\w+)`", section)) - {"zxcvbn"} == set(CONTEXT_WORDS)


def test_algorithms_of_the_inventory_are_those_of_the_code(real_hashes: None) -> None:
    section = PAGE.partition("\n## Tokens and secrets\n")[2].partition("\n## ")[0]
    hasher = passwords._HASHER

    assert (
        f"{hasher.type.name}, {hasher.memory_cost // 1024}, {hasher.time_cost}, {hasher.parallelism}" == "ID, 64, 3, 4"
    )
    assert "argon2id hash (64 MiB, 3 rounds, 4 lanes)" in section
    assert signing._ALGORITHM == "HS256"
    assert section.count("HS256 signature") == 2


def find_audit_events() -> Iterator[str]:
    """Yield the events that the product writes to the audit log."""
    for file in read_product_files():
        for node in file.nodes:
            if isinstance(node, ast.Call) and (function := _name_of_audit(node.func)):
                position = 0 if function == "audit.log.warning" else 1
                texts = (inner.value for inner in ast.walk(node.args[position]) if isinstance(inner, ast.Constant))
                yield from (text for text in texts if isinstance(text, str))


def _name_of_audit(function: ast.expr) -> str | None:
    """Return the name of a function of the audit log."""
    match function:
        case ast.Attribute(value=ast.Name(id="audit"), attr="record" | "record_refusal" as name):
            return f"audit.{name}"
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="audit"), attr="log"), attr="warning"):
            return "audit.log.warning"
    return None


def test_audit_events_are_those_of_the_code() -> None:
    section = PAGE.partition("\n## Log\n")[2].partition("\n## ")[0]
    first_cells = re.findall(r"^\| (`.+?`) \|", section, re.MULTILINE)
    documented = [event for cell in first_cells for event in re.findall(r"`(.+?)`", cell)]

    assert sorted(documented) == sorted(set(find_audit_events()))
