"""Lists of ids as parameters of SQL statements, whose text does not depend on their number."""

from __future__ import annotations

from models.db import connection


def id_pairs_sql(alias: str, first: str, second: str) -> str:
    """Return an SQL table of pairs of ids, which are two parameters: the list of the first ids and that of the second.

    first, second  the names of its columns
    """
    if connection.dialect() == "sqlite":
        pairs = "json_each(?) one JOIN json_each(?) other ON other.key = one.key"
        return f"(SELECT one.value AS {first}, other.value AS {second} FROM {pairs}) AS {alias}"  # noqa: S608
    return f"unnest(?::int[], ?::int[]) AS {alias}({first}, {second})"
