"""Errors of the database by what a caller can do about them, translated from those of the drivers.

The clients of both databases (`postgres_backend`, `sqlite_backend`) raise the errors of this module in place of the
drivers' for everything that is no bug of ours. A violated constraint stays Tortoise's `IntegrityError`; any other
error (a syntax error, a missing table) stays as it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
from tortoise.exceptions import (
    BaseORMException,
    DBConnectionError,
    IntegrityError,
    OperationalError,
    TransactionManagementError,
    ValidationError,
)


class DatabaseUnavailable(Exception):
    """The database cannot do this at the moment: it is away, read-only, overloaded, or has cancelled the work.

    Nothing is wrong with the statement, so the same operation may succeed later. Unless the connection was lost
    during a COMMIT, nothing of the transaction was stored.
    """


class LockTimeout(DatabaseUnavailable):
    """Another writer has held a lock for too long."""


class StorageFull(Exception):
    """The database cannot store anything, because its disk is full."""


class UnstorableValue(Exception):
    """A value does not fit its column: the number is too large, or the text is too long or cannot be encoded."""


UNSTORABLE_ERRORS: Final = (UnstorableValue, ValidationError)  # Tortoise checks some values before it sends them
_POSTGRES_UNAVAILABLE: Final = (
    OSError,  # of the network: refused, reset, timed out, no route, unknown host
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.OperatorInterventionError,  # shut down, starting, cancelled by a statement timeout
    asyncpg.InsufficientResourcesError,  # too many connections, out of memory
    asyncpg.TransactionRollbackError,  # a deadlock or a serialization failure
    asyncpg.ObjectInUseError,
    asyncpg.PostgresSystemError,  # its files cannot be read or written
    asyncpg.ReadOnlySQLTransactionError,  # a replica, during a failover
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    asyncpg.InFailedSQLTransactionError,  # after another of these errors in the same transaction
    asyncpg.InvalidCachedStatementError,  # a migration has changed a table: the next use is prepared anew
    asyncpg.InterfaceError,  # the connection is closed, or still busy with a cancelled statement
    asyncpg.InternalClientError,  # a connection that was closed while the driver was using it
)
_POSTGRES_UNSTORABLE: Final = (
    asyncpg.NumericValueOutOfRangeError,
    asyncpg.StringDataRightTruncationError,
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.UntranslatableCharacterError,
    asyncpg.InvalidTextRepresentationError,
    asyncpg.DatetimeFieldOverflowError,
    asyncpg.InvalidDatetimeFormatError,
)
_SQLITE_UNAVAILABLE: Final = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
_SQLITE_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise errors of the drivers that pass within the block as those of this module, and their kin as Tortoise's."""
    try:
        yield
    except Exception as error:
        translated = translate_error(error)
        if translated is None:
            raise
        raise translated from error


def translate_error(error: Exception) -> Exception | None:
    """Return the error to raise instead of one raised by a driver; None to let that one pass."""
    if isinstance(error, DBConnectionError):
        return DatabaseUnavailable(str(error))
    if isinstance(error, BaseORMException) and error.args and isinstance(error.args[0], Exception):
        error = error.args[0]  # Tortoise wraps some errors of the drivers, by other rules
        return _translate_driver_error(error)
    return None if isinstance(error, BaseORMException) else _translate_driver_error(error)


def _translate_driver_error(error: Exception) -> Exception | None:
    if isinstance(error, sqlite3.Error):
        return _translate_sqlite_error(error)
    if isinstance(error, asyncpg.DiskFullError):
        return StorageFull(_describe(error))
    # of the class itself are the errors of asyncpg that cannot encode a value for its column, e.g. 2 ** 31
    if isinstance(error, OverflowError | UnicodeEncodeError) or type(error) is asyncpg.DataError:
        return UnstorableValue(_describe(error))
    if isinstance(error, asyncpg.LockNotAvailableError):
        return LockTimeout(_describe(error))
    if isinstance(error, _POSTGRES_UNSTORABLE):
        return UnstorableValue(_describe(error))
    if isinstance(error, _POSTGRES_UNAVAILABLE):
        return DatabaseUnavailable(_describe(error))
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return IntegrityError(error)
    if isinstance(error, asyncpg.InvalidTransactionStateError):
        return TransactionManagementError(error)
    return OperationalError(error) if isinstance(error, asyncpg.PostgresError) else None


def _translate_sqlite_error(error: sqlite3.Error) -> Exception | None:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the low byte of an extended code
    if code == sqlite3.SQLITE_FULL:
        return StorageFull(_describe(error))
    if code in _SQLITE_LOCKED:
        return LockTimeout(_describe(error))
    if code in _SQLITE_UNAVAILABLE:
        return DatabaseUnavailable(_describe(error))
    if code in (sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH):
        return UnstorableValue(_describe(error))
    return IntegrityError(error) if isinstance(error, sqlite3.IntegrityError) else OperationalError(error)


def _describe(error: Exception) -> str:
    """Return a line about an error, for a log."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
