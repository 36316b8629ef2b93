"""The inbox directory: nothing outside of it can be named."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors.user_errors import Invalid, NotFound
from imports import inbox


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.csv").write_text("secret")
    folder = tmp_path / "inbox"
    (folder / "2026" / "linked").mkdir(parents=True)
    (folder / "deals.csv").write_text("a;b")
    (folder / "2026" / "deals.csv").write_text("a;b")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "out").symlink_to(tmp_path)
    (folder / "2026" / "linked" / "deals.csv").symlink_to(tmp_path / "secret.csv")
    return folder


@pytest.mark.parametrize("name", ["deals.csv", "2026/deals.csv", "2026", "./deals.csv"])
def test_file_or_folder_of_the_inbox_is_located(folder: Path, name: str) -> None:
    assert inbox.locate(folder, name) == folder / name


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../secret.csv", "2026/../../secret.csv", "/etc/passwd", "link.csv", "out/secret.csv", "nothing.csv",
        "deals.csv/x", "a\0b", "deals.csv\n", "x" * 2000, "~/deals.csv", "C:\\deals.csv", "..\\secret.csv",
    ],
)  # fmt: skip
def test_path_that_leaves_the_inbox_or_does_not_exist_is_not_found(folder: Path, name: str) -> None:
    with pytest.raises(NotFound):
        inbox.locate(folder, name)


def test_folder_with_symbolic_links_is_refused(folder: Path) -> None:
    with pytest.raises(Invalid):
        inbox.locate(folder, "2026/linked")


def test_inbox_behind_a_symbolic_link_is_accepted(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(folder)

    assert inbox.locate(tmp_path / "other", "deals.csv") == folder / "deals.csv"


def test_server_without_an_inbox_says_so() -> None:
    with pytest.raises(Invalid, match="SCORELINE_IMPORT_INBOX"):
        inbox.locate(None, "deals.csv")
