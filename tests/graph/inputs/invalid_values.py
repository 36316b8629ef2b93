"""Invalid values for input fields by kind of field, each with the error code that it must give.

`find_kind` determines the kind of a field from its path, name or type. A new field with an unknown name needs a line in
`KIND_BY_NAME` (or `KIND_BY_PATH`), a new kind its values in `INVALID_BY_KIND`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from graphql import GraphQLEnumType, GraphQLInputType, get_named_type, get_nullable_type, is_list_type

from domain.primitives.global_ids import encoded

TOP: Final = "BAD_USER_INPUT"  # top-level error: the request is rejected before execution
INVALID, RANGE, REQUIRED, NOT_FOUND, CONFLICT = "INVALID", "OUT_OF_RANGE", "REQUIRED", "NOT_FOUND", "CONFLICT"
BIG: Final = "x" * 1_000_000
RAW: Final = "raw JSON: "  # marks a text that is put into the body as raw JSON


class Bad(NamedTuple):
    """A value, the expected error code, and the path of the error below the field (`other_path`: a path instead)."""

    value: Any
    code: str
    below: tuple[str, ...] = ()
    elsewhere: str | None = None


def _all(code: str, *values: Any) -> list[Bad]:
    return [Bad(value, code) for value in values]


UNSTORABLE: Final = _all(TOP, "a\0b", "\ud800", "a\udfff")
_NO_TEXT: Final = [*_all(TOP, 5, True, [], {}, 1.5), *UNSTORABLE]
_NO_NUMBER: Final = _all(
    TOP, "", "x", "1e400", "-1e400", "NaN", "Infinity", "-Infinity", "sNaN", "0x10", "1_000", "1,5", " 1", "١٢", "1e31",
    "9" * 40, "0." + "0" * 40 + "1", BIG, True, [], {}, 1.5, f"{RAW}1e400", f"{RAW}-1e400", f"{RAW}{'9' * 40}",
    f"{RAW}{'9' * 5000}", f"{RAW}1e-400",
)  # fmt: skip
_NO_INT: Final = _all(
    TOP, "5", "", True, [], {}, 1.5, 2**31, -(2**31) - 1, 2**63, f"{RAW}1e400", f"{RAW}{'9' * 40}", f"{RAW}{'9' * 5000}"
)
_NO_MOMENT: Final = _all(
    TOP, "", "now", "2026-11-18", "2026-11-18T09:00:00", "2026-02-31T09:00:00Z", "2026-11-18T24:00:00Z",
    "2026-11-18T09:00:60Z", "2026-11-18T09:00:00+99:99", "10000-01-01T00:00:00Z", "2026-W47-3T09:00:00Z",
    "٢٠٢٦-11-18T09:00:00Z", "0000-01-01T00:00:00Z", 1763456400, f"{RAW}1e400", True, [], {}, BIG, "a\0b", "\ud800",
)  # fmt: skip
_NO_DAY: Final = _all(
    TOP, "", "today", "2026-02-31", "2026-13-01", "10000-01-01", "0000-01-01", "2026-11-18T00:00:00Z", "2026-W47-3",
    "٢٠٢٦-11-18", 20261118, True, [], {}, BIG, "a\0b", "\ud800",
)  # fmt: skip
_UNSEEN: Final = _all(REQUIRED, "", "  ", "\u200b", "\u3164")
_CONTROLS: Final = _all(INVALID, "a\u202eb", "a\u2066b", "a\u0007b", "a\x7fb", "a\x9fb")
_SOMETIME: Final = _all(
    RANGE,
    "1969-12-31T23:59:59Z",
    "2201-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
)
_NO_DECIMAL_OF_MONEY: Final = _all(RANGE, "-1", -1, "0.001", "1000000000001", 10**15, "1e30", "1e-30")

BAD: Final[dict[str, list[Bad]]] = {
    "name": [*_NO_TEXT, *_UNSEEN, *_CONTROLS, *_all(INVALID, "a\nb"), *_all(RANGE, "x" * 201, BIG)],
    "line": [*_NO_TEXT, *_CONTROLS, *_all(INVALID, "a\nb"), *_all(RANGE, "x" * 201, BIG)],
    "note": [*_NO_TEXT, *_CONTROLS, *_all(RANGE, "x" * 2001, BIG)],
    "external": [*_NO_TEXT, *_UNSEEN, *_CONTROLS, *_all(RANGE, "x" * 101, BIG)],
    "e-mail": [
        *_NO_TEXT,
        *_all(INVALID, "anna", "anna@", "a b@example.com", "a\u202e@example.com", "a@example", "a\n@example.com"),
        *_all(RANGE, "a@" + "example." * 40 + "com", BIG),
    ],
    "address": [
        *_NO_TEXT,
        *_all(INVALID, "javascript:alert(1)", "data:text/html,x", "ftp://example.com/a", "https://a\u202eb"),
        *_all(RANGE, "https://example.com/" + "x" * 500, BIG),
    ],
    "password": [*_NO_TEXT, *_all(RANGE, "", "short", "x" * 201, BIG)],
    "metric": [*_NO_TEXT, *_all(NOT_FOUND, "", "nonsense", "DEALS_WON", "deals won", BIG, "a\u202eb")],
    "key": [*_NO_TEXT, *_all(INVALID, "", "A", "a", "1a", "a b", "x" * 41, "ключ", BIG), *_all(CONFLICT, "deals_won", "visits")],
    "currency": [*_NO_TEXT, *_all(INVALID, "", "EURO", "XXX", "€", "12", "E\u202eUR", BIG)],
    "zone": [*_NO_TEXT, *_all(INVALID, "", "Mars/Base", "../etc/passwd", "localtime", BIG)],
    "country": [*_NO_TEXT, *_all(INVALID, "XX", "Germany", "\u202eDE", BIG)],
    "language": [*_NO_TEXT, *_all(INVALID, "", "fr", "EN", BIG)],
    "idempotency key": [*_NO_TEXT, *_all(INVALID, "", "x" * 201, "a\nb", "a\u202eb", BIG)],
    "moment": [*_NO_MOMENT, *_SOMETIME],
    "past": [*_NO_MOMENT, *_SOMETIME, *_all(RANGE, "2026-11-18T09:02:00Z", "2026-11-19T09:00:00+03:00")],
    "day": [*_NO_DAY, *_all(RANGE, "0001-01-01", "1969-12-31", "2201-01-01", "9999-12-31")],
    "money": [*_NO_NUMBER, *_NO_DECIMAL_OF_MONEY],
    "target": [*_NO_NUMBER, *_all(RANGE, "0", "-0", 0, "-1", "0.5", "1000000000001", "1e30")],
    "value": [*_NO_NUMBER, *_all(RANGE, "0.5", "1000000000001", "-1000000000001", "1e30")],
    "rate": [*_NO_NUMBER, *_all(RANGE, "0", "-0.5", "1e10", "0.0000000000001", "1e-30")],
    "minute": [*_NO_INT, *_all(RANGE, -1, 1440, 2**31 - 1)],
    "workdays": [*_NO_INT, *_all(RANGE, -1, 251, 2**31 - 1)],
    "seconds": [*_NO_INT, *_all(RANGE, -1, 86_401, 2**31 - 1)],
    "version": [*_NO_INT, *_all(CONFLICT, -1, 0, 2**31 - 1)],
    "days of silence": [*_NO_INT, *_all(RANGE, -1, 0, 366, 2**31 - 1)],
    "hours": [*_NO_INT, *_all(RANGE, -1, 365 * 24 + 1, 2**31 - 1)],
    "percent": _all(TOP, "5", "", "NaN", True, [], {}, f"{RAW}1e400", f"{RAW}{'9' * 5000}"),
    "recipients": [*_all(TOP, ["NONSENSE"], [None], [5], {}, "NONSENSE"), *_all(REQUIRED, [])],
    "channels": [
        *_all(TOP, [5], [None], [[]], {}, *([bad.value] for bad in UNSTORABLE)),
        *(Bad([each], NOT_FOUND, ("0",)) for each in ("", "nonsense", "a\u202eb", BIG)),
    ],
    "weekdays": [*_all(TOP, ["NONSENSE"], [None], [5], {}, "NONSENSE"), *_all(REQUIRED, [])],
    "boolean": _all(TOP, "true", "", 1, 0, [], {}),
    "enum": _all(TOP, "NONSENSE", "", 5, True, [], {}, "\ud800", BIG),
    "period": [
        *_all(TOP, "MONTH", 5, [5], {"kind": "NONSENSE"}, {"kind": None}, {"nonsense": 1}, {"on": "2026-02-31"}),
        *_all(TOP, {"offset": 2**31}, {"offset": 1.5}, {"on": "a\0b"}, {"on": "2026-11-18T00:00:00Z"}),
        Bad({"kind": "CUSTOM"}, INVALID, ("start",)),
        Bad({"kind": "CUSTOM", "start": "2026-11-01"}, INVALID, ("end",)),
        Bad({"kind": "CUSTOM", "start": "2026-11-02", "end": "2026-11-01"}, INVALID, ("end",)),
        Bad({"kind": "CUSTOM", "start": "1900-01-01", "end": "2173-10-15"}, INVALID, ("end",)),  # 100,000 days
        Bad({"kind": "CUSTOM", "start": "0001-01-01", "end": "0001-01-02"}, INVALID, ("start",)),
        Bad({"kind": "CUSTOM", "start": "2026-11-01", "end": "2026-11-02", "on": "2026-11-01"}, INVALID, ("on",)),
        Bad({"kind": "CUSTOM", "start": "2026-11-01", "end": "2026-11-02", "offset": 1}, INVALID, ("offset",)),
        Bad({"kind": "MONTH", "start": "2026-11-01"}, INVALID, ("start",)),
        Bad({"kind": "MONTH", "end": "2026-11-01"}, INVALID, ("end",)),
        Bad({"kind": "MONTH", "offset": 1201}, INVALID, ("offset",)),
        Bad({"kind": "YEAR", "offset": -1200}, INVALID, ("offset",)),
        Bad({"kind": "DAY", "on": "9999-12-31"}, INVALID, ("on",)),
        Bad({"kind": "WEEK", "on": "0001-01-01"}, INVALID, ("on",)),
    ],
}  # fmt: skip

BY_NAME: Final = {
    "name": "name", "title": "name", "note": "note", "problem": "note", "reason": "note", "lostReason": "note",
    "description": "note", "product": "line", "source": "line", "contactName": "line", "phone": "line",
    "email": "e-mail", "password": "password", "avatarUrl": "address", "externalId": "external", "metric": "metric",
    "key": "key", "currency": "currency", "timeZone": "zone", "holidayCountry": "country", "language": "language",
    "idempotencyKey": "idempotency key", "dueAt": "moment", "amount": "money", "target": "target", "value": "value",
    "rate": "rate", "quietFrom": "minute", "quietTo": "minute", "digestAt": "minute", "closeAfterWorkdays": "workdays",
    "durationSeconds": "seconds", "ifVersion": "version", "workingDays": "weekdays",
    "minAmount": "money", "days": "days of silence", "coolDownHours": "hours", "percent": "percent",
    "recipients": "recipients", "channels": "channels",
    # ids, by type
    "owner": "Employee", "employee": "Employee", "assignee": "Employee", "manager": "Employee", "team": "Team",
    "parent": "Team", "scope": "Team", "client": "Client", "deal": "Deal", "stage": "Stage",
}  # fmt: skip
BY_PLACE: Final = {  # for names that have several kinds
    "recordLead id": "Lead", "convertLead id": "Lead", "rejectLead id": "Lead", "recordClient id": "Client",
    "recordContact id": "Contact", "recordCall id": "Call", "recordResult id": "Result", "createTask id": "Task",
    "completeTask id": "Task", "reopenTask id": "Task", "deleteRecord id": "Call", "updateEmployee id": "Employee",
    "updateTeam id": "Team", "updateGoal id": "Goal", "archiveGoal id": "Goal", "revokeDevice id": "Device",
    "savePipeline id": "Pipeline", "savePipeline stages 0 id": "Stage", "setGoal owner": "Scope",
    "updateAlertRule id": "AlertRule", "deleteAlertRule id": "AlertRule", "createAlertRule scope": "Scope",
    "updateAlertRule scope": "Scope",
    "setGoal name": "line",
    **{f"{name} id": "Deal" for name in (
        "updateDeal", "moveDeal", "winDeal", "loseDeal", "reopenDeal", "flagDeal", "deleteDeal")},
}  # fmt: skip
UNLIKE_ALL: Final = {  # for fields with rules of their own
    "signIn email": [
        *_NO_TEXT,
        *(Bad(each, INVALID, elsewhere="input.password") for each in ("", "nobody@example.com", "a\u202eb", "%", BIG)),
    ],
    "signIn password": [*_NO_TEXT, *_all(INVALID, "", "wrong", BIG)],
    "refreshSession refreshToken": [
        *_NO_TEXT,
        *(Bad(each, "UNAUTHENTICATED", elsewhere="") for each in ("", "nonsense", "a\u202eb", BIG)),
    ],
    "signOut refreshToken": _NO_TEXT,  # an unknown token is accepted and ends no session
    "updateProfile currentPassword": [*_NO_TEXT, *_all(INVALID, "", "wrong", BIG)],
    "createEmployee email": [*BAD["e-mail"], *_all(REQUIRED, "", "  "), *_all(CONFLICT, "Ann@example.com", "bob@example.com")],
    "updateEmployee email": [*BAD["e-mail"], *_all(CONFLICT, "bob@example.com")],
    "markAlertsRead ids": [
        *_all(TOP, {}, True, [None], [True], [{}], *([bad.value] for bad in UNSTORABLE)),
        *(Bad([bad], NOT_FOUND, ("0",)) for bad in (
            "", "garbage", BIG, encoded("Alert", 0), encoded("Alert", 999_999), encoded("Alert", 10**18 - 1),
            encoded("Deal", 1), 5)),
    ],
    "recordResult metric": [*BAD["metric"], *_all(INVALID, "deals_won")],
    "setExchangeRate currency": [*BAD["currency"], *_all(INVALID, "EUR")],
    "updateCompany currency": [*BAD["currency"], *_all(CONFLICT, "USD")],
}  # fmt: skip
_IDS: Final = ("Employee", "Team", "Client", "Deal", "Stage", "Lead", "Contact", "Call", "Result", "Task", "Goal",
               "Device", "Pipeline", "Scope", "AlertRule")  # fmt: skip


def _no_ids_of(kind: str) -> list[Bad]:
    other = "Goal" if kind != "Goal" else "Deal"
    one = "Employee" if kind == "Scope" else kind
    return [
        *_all(TOP, True, 1.5, [[]], {}, *(bad.value for bad in UNSTORABLE), f"{RAW}1e400", f"{RAW}{'9' * 5000}"),
        *_all(
            NOT_FOUND,
            f"{RAW}{'9' * 40}",
            "",
            " ",
            "garbage",
            5,
            "ext:",
            "ext:nothing",
            "ext:a\u202eb",
            f"ext:{BIG}",
            "a\u202eb",
            BIG,
        ),
        *_all(NOT_FOUND, encoded(one, 999_999), encoded(other, 1), encoded(one, 0), encoded("Nothing", 1)),
        *_all(NOT_FOUND, encoded(one, 2**31), encoded(one, 10**18 - 1), f"{one}:1", encoded(one, 1) + "x"),
    ]


def values(place: str, type_: GraphQLInputType) -> Iterable[Bad]:
    """Return the invalid values of the field at a path such as "recordDeal amount currency"."""
    if place in UNLIKE_ALL:
        return UNLIKE_ALL[place]
    kind = kind_of(place, type_)
    return _no_ids_of(kind) if kind in _IDS else BAD[kind]


def kind_of(place: str, type_: GraphQLInputType) -> str:
    name, of = place.rpartition(" ")[2], get_named_type(type_)
    if place in BY_PLACE:
        return BY_PLACE[place]
    if name in BY_NAME and of.name != "PeriodInput":
        return BY_NAME[name]
    if isinstance(of, GraphQLEnumType) and not is_list_type(get_nullable_type(type_)):
        return "enum"
    known = {"DateTime": "past", "Date": "day", "Boolean": "boolean", "PeriodInput": "period"}
    assert of.name in known, f"Add the kind of “{place}” to KIND_BY_NAME or KIND_BY_PATH."
    return known[of.name]
