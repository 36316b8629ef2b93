"""Sentences for errors of commands."""

import errno
import os

import pytest
from tortoise.exceptions import OperationalError

from server.commands.error_sentences import find_sentence


def os_error(number: int, filename: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), filename)


@pytest.mark.parametrize(
    "error",
    [os_error(errno.ENOSPC), os_error(errno.EDQUOT, "rejects.csv"), OperationalError("database or disk is full")],
)
def test_full_disk_is_named(error):
    assert find_sentence(error) == "There is no space left on the disk: free some, then run the command again."


def test_file_is_named_with_the_reason():
    sentence = find_sentence(os_error(errno.EROFS, "numbers.csv"))

    assert sentence.startswith("numbers.csv cannot be used: Read-only file system.")


@pytest.mark.parametrize("number", [errno.ECONNREFUSED, errno.ENETUNREACH])
def test_network_error_is_one_of_the_database(number):
    assert find_sentence(os_error(number)).startswith("The database cannot be reached: ")


def test_bug_has_no_sentence():
    assert find_sentence(ZeroDivisionError()) is None
