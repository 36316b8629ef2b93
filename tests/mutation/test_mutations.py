"""The mutations of a file, and the verdicts on them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from click.testing import CliRunner

import tests.mutation.__main__ as command
from tests.mutation import runner
from tests.mutation.mutations import list_mutations
from tests.mutation.runner import BaselineFailed, Duration, Verdict
from tests.source_tree import ROOT, read_source_files

LIMIT = Duration(cpu_seconds=100, seconds=1_000)


def mutate(source: str) -> list[str]:
    """Return the mutated texts of a source, in the order of its text."""
    return [mutation.apply(source.encode()).decode() for mutation in list_mutations(source.encode())]


@pytest.mark.parametrize(
    ("source", "mutants"),
    [
        ("a < b", ["(a <= b)"]),
        ("a is not None", ["(a is None)"]),
        ("a and b", ["(a or b)"]),
        ("not a", ["(a)"]),
        ("7", ["(8)"]),
        ("True", ["(False)"]),
        ("lambda a, b: a - b", ["(lambda a, b: None)", "lambda a, b: (a + b)"]),
        ("[a for a in b if a]", ["[a for a in b if (not a)]"]),
        ("b if a else c", ["b if (not a) else c"]),
        ("def f():\n    return a", ["def f():\n    return None"]),
        ("def f():\n    a()", ["def f():\n    pass"]),
        ("async def f():\n    await a()", ["async def f():\n    pass"]),
    ],
)
def test_each_kind_of_code_has_its_mutation(source: str, mutants: list[str]) -> None:
    assert mutate(source) == mutants


@pytest.mark.parametrize(
    "source",
    ["'text'", "def f(a: 1 | 2) -> 3: ...", "f'{a + 1}'", "log.warning('%s', 1)", "@d(1)\ndef f(): ...", "a = b | c"],
)
def test_texts_annotations_logs_decorators_and_types_are_left_alone(source: str) -> None:
    assert mutate(source) == []


def test_line_with_letters_of_several_bytes_is_changed_in_place() -> None:
    assert mutate("a = 'é', b < c") == ["a = 'é', (b <= c)"]


def test_every_mutant_of_the_product_can_be_parsed() -> None:
    files = [ROOT / file.name for file in read_source_files("domain")]
    sources = {file: file.read_bytes() for file in files if "ledger" in file.parts}
    mutants = [mutation.apply(source) for source in sources.values() for mutation in list_mutations(source)]

    assert len(mutants) > 40
    for mutant in mutants:
        ast.parse(mutant)


def test_tests_of_a_file_are_those_of_its_folder_closest_first() -> None:
    assert runner.find_tests(Path("subscriptions/core/hub.py"))[0] == Path("tests/subscriptions/core/test_hub.py")
    assert Path("tests/graph/test_goals_over_time.py") in runner.find_tests(Path("subscriptions/goals.py"))


def test_sample_is_the_same_for_the_same_seed() -> None:
    mutations = list(range(100))

    assert runner.draw(mutations, 5, seed=1) == runner.draw(mutations, 5, seed=1) != runner.draw(mutations, 5, seed=2)
    assert runner.draw(mutations, None, seed=1) == mutations


@pytest.fixture
def small_project(tmp_path: Path) -> Path:
    """A project with one function and one test of it."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "ages.py").write_text("def is_adult(age):\n    return age >= 18\n")
    (root / "test_ages.py").write_text(
        "from ages import is_adult\n\n\ndef test_ages():\n    assert not is_adult(17)\n    assert is_adult(19)\n"
    )
    return root


@pytest.mark.long  # each verdict is a run of pytest in a fork of this large process
def test_mutant_survives_unless_a_test_fails(small_project: Path) -> None:
    path, tests = Path("ages.py"), [Path("test_ages.py")]
    source = (small_project / path).read_bytes()

    runner.run_unchanged(small_project, tests)
    verdicts = {
        str(mutation): runner.try_mutant(small_project, path, mutation.apply(source), tests, LIMIT)
        for mutation in list_mutations(source)
    }

    assert verdicts == {
        "2: return age >= 18 -> return None": Verdict.KILLED,
        "2: age >= 18 -> (age > 18)": Verdict.SURVIVED,
        "2: 18 -> (19)": Verdict.SURVIVED,
    }
    assert (small_project / path).read_bytes() == source


@pytest.mark.long
def test_mutant_that_waits_without_end_is_timed_out(small_project: Path) -> None:
    waiting = b"def is_adult(age):\n    import time\n    time.sleep(1000)\n"

    verdict = runner.try_mutant(
        small_project, Path("ages.py"), waiting, [Path("test_ages.py")], Duration(LIMIT.cpu_seconds, 3)
    )

    assert verdict is Verdict.TIMED_OUT


def test_mutant_that_runs_without_end_is_timed_out(small_project: Path) -> None:
    endless = b"def is_adult(age):\n    while True: ...\n"

    verdict = runner.try_mutant(
        small_project, Path("ages.py"), endless, [Path("test_ages.py")], Duration(1, LIMIT.seconds)
    )

    assert verdict is Verdict.TIMED_OUT


@pytest.mark.long
def test_run_fails_when_the_tests_fail_without_a_mutation(small_project: Path) -> None:
    (small_project / "ages.py").write_text("is_adult = bool\n")

    with pytest.raises(BaselineFailed):
        runner.run_unchanged(small_project, [Path("test_ages.py")])


def test_list_names_the_mutants_of_a_file() -> None:
    output = CliRunner().invoke(command.main, ["--list", "domain/ledger"]).output

    assert "deal.status is DealStatus.WON -> (deal.status is not DealStatus.WON)" in output


@pytest.mark.parametrize("path", ["domain/nowhere", "tests/world.py", "../elsewhere"])
def test_path_outside_the_product_is_refused(path: str) -> None:
    assert CliRunner().invoke(command.main, ["--list", path]).exit_code == 2
