"""The command line of `./run faults`, and the table that it prints."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

import faults.__main__ as command
from faults.auditor import AuditFindings
from faults.runner import SCENES
from faults.verdict import Verdict, format_table
from tests.source_tree import ROOT


def make_verdict(**values: object) -> Verdict:
    defaults = {"scene": "a", "allowed_codes": {"UNAVAILABLE"}, "converge_seconds": 1.0, "max_converge_seconds": 5.0}
    return Verdict(**{**defaults, **values})


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"findings": AuditFindings(lost=1)}, id="lost"),
        pytest.param({"findings": AuditFindings(doubled=1)}, id="doubled"),
        pytest.param({"findings": AuditFindings(phantom=1)}, id="phantom"),
        pytest.param({"findings": AuditFindings(out_of_order=1)}, id="out of order"),
        pytest.param({"codes": {"INTERNAL": 1}}, id="internal error"),
        pytest.param({"codes": {"THROTTLED": 1}}, id="code that the scene does not allow"),
        pytest.param({"codes": {"no answer": 1}}, id="request that hangs"),
        pytest.param({"unanswered": 1}, id="write never acknowledged"),
        pytest.param({"converge_seconds": None}, id="never converged"),
        pytest.param({"converge_seconds": 6.0}, id="converged late"),
        pytest.param({"faults": ["The servers have logged 1 tracebacks."]}, id="expectation of the scene"),
    ],
)
def test_scene_fails_for_each_fault(values: dict[str, object]) -> None:
    assert not make_verdict(**values).is_passed


def test_scene_passes_with_allowed_codes_and_lost_connections() -> None:
    verdict = make_verdict(codes={"UNAVAILABLE": 3, "connection lost": 2})

    assert verdict.is_passed
    assert verdict.list_faults() == []


def test_table_has_a_row_for_each_verdict() -> None:
    table = format_table([make_verdict(writes=7, codes={"UNAVAILABLE": 3}), make_verdict(scene="b", unanswered=1)])

    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert rows[0][:3] == ["scene", "writes", "lost"]
    assert rows[2] == ["a", "7", "0", "0", "0", "0", "1.0 s", "0.0 s", "UNAVAILABLE 3", "passed"]
    assert [rows[3][0], rows[3][-1]] == ["b", "FAILED"]
    assert len({len(line) for line in table.splitlines()}) == 1


def run_command(monkeypatch: pytest.MonkeyPatch, verdict: Verdict, *arguments: str) -> tuple[int, str]:
    async def run_scenes(scenes: object, seed: int) -> list[Verdict]:
        return [verdict]

    monkeypatch.setattr(command, "run_scenes", run_scenes)
    result = CliRunner().invoke(command.main, arguments)
    return result.exit_code, result.output


def test_exit_code_is_1_when_a_scene_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = run_command(
        monkeypatch, make_verdict(findings=AuditFindings(lost=1, details=["lost: a-1"])), "--seed", "5"
    )

    assert code == 1
    assert "a: lost: a-1" in output
    assert "0 of 1 passed, with seed 5." in output


def test_exit_code_is_0_when_all_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = run_command(monkeypatch, make_verdict(), "server-killed")

    assert code == 0
    assert "1 of 1 passed" in output


def test_list_names_every_scene() -> None:
    output = CliRunner().invoke(command.main, ["--list"]).output

    assert [line.split()[0] for line in output.splitlines()] == list(SCENES)


def test_unknown_scene_is_refused_with_a_hint() -> None:
    result = CliRunner().invoke(command.main, ["server-bored"])

    assert result.exit_code == 2
    assert "./run faults --list" in result.output


def test_documented_table_has_every_scene_and_no_failure() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    rows = re.findall(r"^\| ([a-z-]+) +\| +\d+ +\|.*\| (\w+) +\|$", page, re.MULTILINE)

    assert {name for name, _ in rows} == SCENES.keys()
    assert {result for _, result in rows} == {"passed"}
