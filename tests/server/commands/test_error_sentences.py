"""Sentences for errors of commands."""

import errno
import os

import pytest

from models.db.errors import DatabaseUnavailable, StorageFull
from server.commands.error_sentences import find_sentence


def os_error(number: int, filename: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), filename)


@pytest.mark.parametrize(
    "error",
    [os_error(errno.ENOSPC), os_error(errno.EDQUOT, "rejects.csv"), StorageFull("database or disk is full")],
)
def test_full_disk_is_named(error):
    assert find_sentence(error) == "There is no space left on the disk: free some, then run the command again."


def test_file_is_named_with_the_reason():
    sentence = find_sentence(os_error(errno.EROFS, "numbers.csv"))

    assert sentence.startswith("numbers.csv cannot be used: Read-only file system.")


def test_unavailable_database_is_named_with_the_reason():
    sentence = find_sentence(DatabaseUnavailable("ConnectionRefusedError: Connect call failed"))

    assert sentence == "The database cannot be reached: ConnectionRefusedError: Connect call failed"


def test_bug_has_no_sentence():
    assert find_sentence(ZeroDivisionError()) is None
