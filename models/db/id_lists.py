"""Lists of ids as parameters of SQL statements, whose text does not depend on their number."""

from __future__ import annotations

from models.db.connection import current_connection


def _is_sqlite() -> bool:
    return bool(current_connection().capabilities.dialect == "sqlite")


def is_any_sql(expression: str) -> str:
    """Return the SQL condition that an expression is any of a list of ids, which is one parameter.

    The text does not depend on the number of ids, so PostgreSQL plans the statement once.
    """
    if _is_sqlite():
        return f"{expression} IN (SELECT value FROM json_each(?))"  # noqa: S608
    return f"{expression} = ANY(?::int[])"


def id_pairs_sql(alias: str, first: str, second: str) -> str:
    """Return an SQL table of pairs of ids, which are two parameters: the list of the first ids and that of the second.

    first, second  the names of its columns
    """
    if _is_sqlite():
        pairs = "json_each(?) one JOIN json_each(?) other ON other.key = one.key"
        return f"(SELECT one.value AS {first}, other.value AS {second} FROM {pairs}) AS {alias}"  # noqa: S608
    return f"unnest(?::int[], ?::int[]) AS {alias}({first}, {second})"
