"""Invalid values for input fields by kind of field, each with the error code that it must give.

`find_kind` determines the kind of a field from its path, name or type. A new field with an unknown name needs a line in
`KIND_BY_NAME` (or `KIND_BY_PATH`), a new kind its values in `INVALID_BY_KIND`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from graphql import GraphQLEnumType, GraphQLInputType, get_named_type, get_nullable_type, is_list_type

from domain.primitives.global_ids import encode_global_id

BAD_INPUT: Final = "BAD_USER_INPUT"  # top-level error: the request is rejected before execution
INVALID, RANGE, REQUIRED, NOT_FOUND, CONFLICT = "INVALID", "OUT_OF_RANGE", "REQUIRED", "NOT_FOUND", "CONFLICT"
BIG_TEXT: Final = "x" * 100_000  # longer than any text may be
RAW_PREFIX: Final = "raw JSON: "  # marks a text that is put into the body as raw JSON


class InvalidValue(NamedTuple):
    """A value, the expected error code, and the path of the error below the field (`other_path`: a path instead)."""

    value: Any
    code: str
    path_below: tuple[str, ...] = ()
    other_path: str | None = None


def _with_code(code: str, *values: Any) -> list[InvalidValue]:
    return [InvalidValue(value, code) for value in values]


UNSTORABLE_TEXTS: Final = _with_code(BAD_INPUT, "a\0b", "\ud800", "a\udfff")
_NOT_TEXT: Final = [*_with_code(BAD_INPUT, 5, True, [], {}, 1.5), *UNSTORABLE_TEXTS]
_NOT_DECIMAL: Final = _with_code(
    BAD_INPUT, "", "x", "1e400", "-1e400", "NaN", "Infinity", "-Infinity", "sNaN", "0x10", "1_000", "1,5", " 1", "١٢", "1e31",
    "9" * 40, "0." + "0" * 40 + "1", BIG_TEXT, True, [], {}, 1.5, f"{RAW_PREFIX}1e400", f"{RAW_PREFIX}-1e400", f"{RAW_PREFIX}{'9' * 40}",
    f"{RAW_PREFIX}{'9' * 5000}", f"{RAW_PREFIX}1e-400",
)  # fmt: skip
_NOT_INT: Final = _with_code(
    BAD_INPUT,
    "5",
    "",
    True,
    [],
    {},
    1.5,
    2**31,
    -(2**31) - 1,
    2**63,
    f"{RAW_PREFIX}1e400",
    f"{RAW_PREFIX}{'9' * 40}",
    f"{RAW_PREFIX}{'9' * 5000}",
)
_NOT_DATETIME: Final = _with_code(
    BAD_INPUT, "", "now", "2026-11-18", "2026-11-18T09:00:00", "2026-02-31T09:00:00Z", "2026-11-18T24:00:00Z",
    "2026-11-18T09:00:60Z", "2026-11-18T09:00:00+99:99", "10000-01-01T00:00:00Z", "2026-W47-3T09:00:00Z",
    "٢٠٢٦-11-18T09:00:00Z", "0000-01-01T00:00:00Z", 1763456400, f"{RAW_PREFIX}1e400", True, [], {}, BIG_TEXT, "a\0b", "\ud800",
)  # fmt: skip
_NOT_DATE: Final = _with_code(
    BAD_INPUT, "", "today", "2026-02-31", "2026-13-01", "10000-01-01", "0000-01-01", "2026-11-18T00:00:00Z", "2026-W47-3",
    "٢٠٢٦-11-18", 20261118, True, [], {}, BIG_TEXT, "a\0b", "\ud800",
)  # fmt: skip
_INVISIBLE_TEXTS: Final = _with_code(REQUIRED, "", "  ", "\u200b", "\u3164")
_CONTROL_CHARACTERS: Final = _with_code(INVALID, "a\u202eb", "a\u2066b", "a\u0007b", "a\x7fb", "a\x9fb")
_DATETIMES_OUT_OF_RANGE: Final = _with_code(
    RANGE,
    "1969-12-31T23:59:59Z",
    "2201-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
)
_AMOUNTS_OUT_OF_RANGE: Final = _with_code(RANGE, "-1", -1, "0.001", "1000000000001", 10**15, "1e30", "1e-30")

INVALID_BY_KIND: Final[dict[str, list[InvalidValue]]] = {
    "name": [*_NOT_TEXT, *_INVISIBLE_TEXTS, *_CONTROL_CHARACTERS, *_with_code(INVALID, "a\nb"), *_with_code(RANGE, "x" * 201, BIG_TEXT)],
    "line": [*_NOT_TEXT, *_CONTROL_CHARACTERS, *_with_code(INVALID, "a\nb"), *_with_code(RANGE, "x" * 201, BIG_TEXT)],
    "note": [*_NOT_TEXT, *_CONTROL_CHARACTERS, *_with_code(RANGE, "x" * 2001, BIG_TEXT)],
    "external": [*_NOT_TEXT, *_INVISIBLE_TEXTS, *_CONTROL_CHARACTERS, *_with_code(RANGE, "x" * 101, BIG_TEXT)],
    "e-mail": [
        *_NOT_TEXT,
        *_with_code(INVALID, "anna", "anna@", "a b@example.com", "a\u202e@example.com", "a@example", "a\n@example.com"),
        *_with_code(RANGE, "a@" + "example." * 40 + "com", BIG_TEXT),
    ],
    "address": [
        *_NOT_TEXT,
        *_with_code(INVALID, "javascript:alert(1)", "data:text/html,x", "ftp://example.com/a", "https://a\u202eb"),
        *_with_code(RANGE, "https://example.com/" + "x" * 500, BIG_TEXT),
    ],
    "password": [*_NOT_TEXT, *_with_code(RANGE, "", "short", "x" * 201, BIG_TEXT)],
    "metric": [*_NOT_TEXT, *_with_code(NOT_FOUND, "", "nonsense", "DEALS_WON", "deals won", BIG_TEXT, "a\u202eb")],
    "key": [*_NOT_TEXT, *_with_code(INVALID, "", "A", "a", "1a", "a b", "x" * 41, "ключ", BIG_TEXT), *_with_code(CONFLICT, "deals_won", "visits")],
    "currency": [*_NOT_TEXT, *_with_code(INVALID, "", "EURO", "XXX", "€", "12", "E\u202eUR", BIG_TEXT)],
    "zone": [*_NOT_TEXT, *_with_code(INVALID, "", "Mars/Base", "../etc/passwd", "localtime", BIG_TEXT)],
    "country": [*_NOT_TEXT, *_with_code(INVALID, "XX", "Germany", "\u202eDE", BIG_TEXT)],
    "region": [*_NOT_TEXT, *_with_code(INVALID, "XX", "Bavaria", "FR-57", "\u202eBY", BIG_TEXT)],
    "local time": [
        *_with_code(BAD_INPUT, "", "noon", "9", "24:01", "25:00", "09:60", "09:00:01", "9:5", "-1:00", "٠٩:00", 540, True, [], {}, BIG_TEXT, "\ud800"),
        *_with_code(RANGE, "09:10", "00:01", "18:59:00"),
    ],
    "language": [*_NOT_TEXT, *_with_code(INVALID, "", "fr", "EN", BIG_TEXT)],
    "idempotency key": [*_NOT_TEXT, *_with_code(INVALID, "", "x" * 201, "a\nb", "a\u202eb", BIG_TEXT)],
    "moment": [*_NOT_DATETIME, *_DATETIMES_OUT_OF_RANGE],
    "past": [*_NOT_DATETIME, *_DATETIMES_OUT_OF_RANGE, *_with_code(RANGE, "2026-11-18T09:02:00Z", "2026-11-19T09:00:00+03:00")],
    "day": [*_NOT_DATE, *_with_code(RANGE, "0001-01-01", "1969-12-31", "2201-01-01", "9999-12-31")],
    "money": [*_NOT_DECIMAL, *_AMOUNTS_OUT_OF_RANGE],
    "target": [*_NOT_DECIMAL, *_with_code(RANGE, "0", "-0", 0, "-1", "0.5", "1000000000001", "1e30")],
    "value": [*_NOT_DECIMAL, *_with_code(RANGE, "0.5", "1000000000001", "-1000000000001", "1e30")],
    "rate": [*_NOT_DECIMAL, *_with_code(RANGE, "0", "-0.5", "1e10", "0.0000000000001", "1e-30")],
    "minute": [*_NOT_INT, *_with_code(RANGE, -1, 1440, 2**31 - 1)],
    "workdays": [*_NOT_INT, *_with_code(RANGE, -1, 251, 2**31 - 1)],
    "seconds": [*_NOT_INT, *_with_code(RANGE, -1, 86_401, 2**31 - 1)],
    "version": [*_NOT_INT, *_with_code(CONFLICT, -1, 0, 2**31 - 1)],
    "days of silence": [*_NOT_INT, *_with_code(RANGE, -1, 0, 366, 2**31 - 1)],
    "hours": [*_NOT_INT, *_with_code(RANGE, -1, 365 * 24 + 1, 2**31 - 1)],
    "hours of another kind": [*_NOT_INT, *_with_code(INVALID, 0, 4)],
    "uplift": [*_NOT_DECIMAL, *_with_code(RANGE, "-100", "-101", "1001", "1e30")],
    "weight": [*_NOT_DECIMAL, *_with_code(RANGE, "-1", "1000000000001", "1e30")],
    "floor": [*_NOT_DECIMAL, *_with_code(RANGE, "-1", "0.5", "1000000000001", "1e30")],
    "periods of another base": [*_NOT_INT, *_with_code(INVALID, 0, 3)],
    "percent": _with_code(BAD_INPUT, "5", "", "NaN", True, [], {}, f"{RAW_PREFIX}1e400", f"{RAW_PREFIX}{'9' * 5000}"),
    "recipients": [*_with_code(BAD_INPUT, ["NONSENSE"], [None], [5], {}, "NONSENSE"), *_with_code(REQUIRED, [])],
    "channels": [
        *_with_code(BAD_INPUT, [5], [None], [[]], {}, *([bad.value] for bad in UNSTORABLE_TEXTS)),
        *(InvalidValue([channel], NOT_FOUND, ("0",)) for channel in ("", "nonsense", "a\u202eb", BIG_TEXT)),
    ],
    "weekdays": [*_with_code(BAD_INPUT, ["NONSENSE"], [None], [5], {}, "NONSENSE"), *_with_code(REQUIRED, [])],
    "uploads": _with_code(BAD_INPUT, "deals.csv", ["deals.csv"], [None], [5], {}, [{}], True),
    "path in the inbox": [
        *_NOT_TEXT,
        *_with_code(NOT_FOUND, "", ".", "..", "../deals.csv", "/etc/passwd", "nonsense", "a\u202eb", "a\nb", BIG_TEXT),
    ],
    "map": [*_NOT_TEXT, *_with_code(NOT_FOUND, "", "nonsense", "../maps/bitrix24", "/etc/passwd", "a\u202eb", BIG_TEXT)],
    "second map": [*_NOT_TEXT, *_with_code(INVALID, "", "nonsense", BIG_TEXT)],
    "boolean": _with_code(BAD_INPUT, "true", "", 1, 0, [], {}),
    "enum": _with_code(BAD_INPUT, "NONSENSE", "", 5, True, [], {}, "\ud800", BIG_TEXT),
    "period": [
        *_with_code(BAD_INPUT, "MONTH", 5, [5], {"kind": "NONSENSE"}, {"kind": None}, {"nonsense": 1}, {"on": "2026-02-31"}),
        *_with_code(BAD_INPUT, {"offset": 2**31}, {"offset": 1.5}, {"on": "a\0b"}, {"on": "2026-11-18T00:00:00Z"}),
        InvalidValue({"kind": "CUSTOM"}, INVALID, ("start",)),
        InvalidValue({"kind": "CUSTOM", "start": "2026-11-01"}, INVALID, ("end",)),
        InvalidValue({"kind": "CUSTOM", "start": "2026-11-02", "end": "2026-11-01"}, INVALID, ("end",)),
        InvalidValue({"kind": "CUSTOM", "start": "1900-01-01", "end": "2173-10-15"}, INVALID, ("end",)),  # 100,000 days
        InvalidValue({"kind": "CUSTOM", "start": "0001-01-01", "end": "0001-01-02"}, INVALID, ("start",)),
        InvalidValue({"kind": "CUSTOM", "start": "2026-11-01", "end": "2026-11-02", "on": "2026-11-01"}, INVALID, ("on",)),
        InvalidValue({"kind": "CUSTOM", "start": "2026-11-01", "end": "2026-11-02", "offset": 1}, INVALID, ("offset",)),
        InvalidValue({"kind": "MONTH", "start": "2026-11-01"}, INVALID, ("start",)),
        InvalidValue({"kind": "MONTH", "end": "2026-11-01"}, INVALID, ("end",)),
        InvalidValue({"kind": "MONTH", "offset": 1201}, INVALID, ("offset",)),
        InvalidValue({"kind": "YEAR", "offset": -1200}, INVALID, ("offset",)),
        InvalidValue({"kind": "DAY", "on": "9999-12-31"}, INVALID, ("on",)),
        InvalidValue({"kind": "WEEK", "on": "0001-01-01"}, INVALID, ("on",)),
    ],
}  # fmt: skip

KIND_BY_NAME: Final = {
    "name": "name", "title": "name", "note": "note", "problem": "note", "reason": "note", "lostReason": "note",
    "description": "note", "product": "line", "source": "line", "contactName": "line", "phone": "line",
    "email": "e-mail", "password": "password", "avatarUrl": "address", "externalId": "external", "metric": "metric",
    "key": "key", "currency": "currency", "timeZone": "zone", "holidayCountry": "country", "holidayRegion": "region", "workdayStart": "local time", "workdayEnd": "local time", "language": "language",
    "idempotencyKey": "idempotency key", "dueAt": "moment", "amount": "money", "target": "target", "value": "value",
    "rate": "rate", "quietFrom": "minute", "quietTo": "minute", "digestAt": "minute", "closeAfterWorkdays": "workdays",
    "durationSeconds": "seconds", "ifVersion": "version", "workingDays": "weekdays",
    "minAmount": "money", "days": "days of silence", "coolDownHours": "hours", "hours": "hours of another kind", "percent": "percent",
    "recipients": "recipients", "channels": "channels", "total": "target", "rounding": "target", "ceiling": "target",
    "floor": "floor", "weight": "weight", "upliftPercent": "uplift", "thresholdPercent": "uplift", "stretchPercent": "uplift", "threshold": "target", "stretch": "target", "periods": "periods of another base",
    "files": "uploads", "inboxPath": "path in the inbox", "map": "map", "mapText": "second map",
    # ids, by type
    "owner": "Employee", "employee": "Employee", "assignee": "Employee", "manager": "Employee", "team": "Team",
    "parent": "Team", "scope": "Team", "client": "Client", "session": "Session", "deal": "Deal", "stage": "Stage",
    "activity": "Activity",
}  # fmt: skip
KIND_BY_PATH: Final = {  # for names that have several kinds
    "recordLead id": "Lead", "convertLead id": "Lead", "rejectLead id": "Lead", "recordClient id": "Client",
    "recordContact id": "Contact", "recordCall id": "Call", "recordResult id": "Result", "createTask id": "Task",
    "completeTask id": "Task", "reopenTask id": "Task", "deleteRecord id": "Call", "deleteRefund id": "Refund", "updateEmployee id": "Employee",
    "setAbsence id": "Absence", "removeAbsence id": "Absence", "updateTeam id": "Team", "updateGoal id": "Goal", "archiveGoal id": "Goal", "revokeDevice id": "Device",
    "savePipeline id": "Pipeline", "savePipeline stages 0 id": "Stage", "setGoal owner": "Scope",
    "updateAlertRule id": "AlertRule", "deleteAlertRule id": "AlertRule", "createAlertRule scope": "Scope",
    "updateAlertRule scope": "Scope",
    "setGoal name": "line", "cancelImport id": "ImportJob", "undoPlan id": "GoalPlan", "undoPlan reason": "line", "updateGoal reason": "line", "applyPlan reason": "line", "applyPlan plan scope": "Scope",
    "applyPlan plan targets 0 owner": "Scope",
    **{f"merge{kind}s {field}": kind for kind in ("Client", "Contact", "Lead") for field in ("into", "from")},
    **{f"{name} id": "Deal" for name in (
        "updateDeal", "moveDeal", "winDeal", "loseDeal", "reopenDeal", "flagDeal", "deleteDeal")},
}  # fmt: skip
INVALID_BY_PATH: Final = {  # for fields with rules of their own
    "signIn email": [
        *_NOT_TEXT,
        *(InvalidValue(email, INVALID, other_path="input.password") for email in ("", "nobody@example.com", "a\u202eb", "%", BIG_TEXT)),
    ],
    "signIn password": [*_NOT_TEXT, *_with_code(INVALID, "", "wrong", BIG_TEXT)],
    "signIn trustToken": _NOT_TEXT,  # one that is not valid is ignored
    "setPassword token": [*_NOT_TEXT, *_with_code(INVALID, "", "nonsense", "slp_nonsense", "a\u202eb", BIG_TEXT)],
    "requestPasswordReset email": [*INVALID_BY_KIND["e-mail"], *_with_code(REQUIRED, "", "  ")],
    "refreshSession refreshToken": [
        *_NOT_TEXT,
        *(InvalidValue(token, "UNAUTHENTICATED", other_path="") for token in ("", "nonsense", "a\u202eb", BIG_TEXT)),
    ],
    "signOut refreshToken": _NOT_TEXT,  # an unknown token is accepted and ends no session
    "endSessions currentPassword": [*_NOT_TEXT, *_with_code(INVALID, "", "wrong", BIG_TEXT)],
    "updateProfile currentPassword": [*_NOT_TEXT, *_with_code(INVALID, "", "wrong", BIG_TEXT)],
    "createEmployee email": [*INVALID_BY_KIND["e-mail"], *_with_code(REQUIRED, "", "  "), *_with_code(CONFLICT, "Ann@example.com", "bob@example.com")],
    "updateEmployee email": [*INVALID_BY_KIND["e-mail"], *_with_code(CONFLICT, "bob@example.com")],
    **{f"{name} stage": _with_code(INVALID, "", "nowhere") for name in ("createAlertRule", "updateAlertRule")},
    "markAlertsRead ids": [
        *_with_code(BAD_INPUT, {}, True, [None], [True], [{}], *([bad.value] for bad in UNSTORABLE_TEXTS)),
        *(InvalidValue([bad], NOT_FOUND, ("0",)) for bad in (
            "", "garbage", BIG_TEXT, encode_global_id("Alert", 0), encode_global_id("Alert", 999_999), encode_global_id("Alert", 10**18 - 1),
            encode_global_id("Deal", 1), 5)),
    ],
    "applyPlan hash": [*_NOT_TEXT, *_with_code(INVALID, "", "nonsense", "a\u202eb", BIG_TEXT)],
    "applyPlan plan leftOut": [
        *_with_code(BAD_INPUT, {}, True, [None], [True], [{}], *([bad.value] for bad in UNSTORABLE_TEXTS)),
        *(InvalidValue([bad], NOT_FOUND, ("0",)) for bad in (
            "", "garbage", BIG_TEXT, encode_global_id("Employee", 0), encode_global_id("Employee", 999_999), encode_global_id("Deal", 1), 5)),
    ],
    "applyPlan plan rampPercent": [
        *_with_code(BAD_INPUT, {}, True, [None], ["x"], ["NaN"]),
        *(InvalidValue([bad], RANGE, ("0",)) for bad in ("-1", "101", "1e30")),
    ],
    **{
        f"{name} slices": [
            *_with_code(BAD_INPUT, {}, True, [None], ["x"], ["NaN"]),
            *_with_code(INVALID, [], [9], [2, 3, 3], [0, 0, 0]),
            *(InvalidValue([bad, 3, 4], RANGE, ("0",)) for bad in ("-1", "0.5", "1000000000001", "1e30")),
        ]
        for name in ("setGoal", "updateGoal")
    },
    "recordResult metric": [*INVALID_BY_KIND["metric"], *_with_code(INVALID, "deals_won")],
    "setExchangeRate currency": [*INVALID_BY_KIND["currency"], *_with_code(INVALID, "EUR")],
    "removeCompanyDays dates": [
        *_with_code(BAD_INPUT, {}, True, [None], [5], ["today"], ["2026-02-31"]),
        *_with_code(RANGE, []),
        *(InvalidValue([day], NOT_FOUND, ("0",)) for day in ("2026-12-23", "2026-11-17", "0001-01-01", "9999-12-31")),
    ],
    "updateCompany currency": [*INVALID_BY_KIND["currency"], *_with_code(CONFLICT, "USD")],
}  # fmt: skip
_ID_KINDS: Final = ("Employee", "Team", "Client", "Deal", "Stage", "Lead", "Contact", "Call", "Result", "Task", "Goal",
               "Device", "Pipeline", "Scope", "AlertRule", "Absence", "Session", "ImportJob", "GoalPlan", "Activity", "Refund")  # fmt: skip


def _invalid_ids(kind: str) -> list[InvalidValue]:
    other_kind = "Goal" if kind != "Goal" else "Deal"
    id_kind = "Employee" if kind == "Scope" else kind
    return [
        *_with_code(
            BAD_INPUT,
            True,
            1.5,
            [[]],
            {},
            *(bad.value for bad in UNSTORABLE_TEXTS),
            f"{RAW_PREFIX}1e400",
            f"{RAW_PREFIX}{'9' * 5000}",
        ),
        *_with_code(
            NOT_FOUND,
            f"{RAW_PREFIX}{'9' * 40}",
            "",
            " ",
            "garbage",
            5,
            "ext:",
            "ext:nothing",
            "ext:a\u202eb",
            f"ext:{BIG_TEXT}",
            "a\u202eb",
            BIG_TEXT,
        ),
        *_with_code(
            NOT_FOUND,
            encode_global_id(id_kind, 999_999),
            encode_global_id(other_kind, 1),
            encode_global_id(id_kind, 0),
            encode_global_id("Nothing", 1),
        ),
        *_with_code(
            NOT_FOUND,
            encode_global_id(id_kind, 2**31),
            encode_global_id(id_kind, 10**18 - 1),
            f"{id_kind}:1",
            encode_global_id(id_kind, 1) + "x",
        ),
    ]


def invalid_values_for(path: str, type_: GraphQLInputType) -> Iterable[InvalidValue]:
    """Return the invalid values of the field at a path such as "recordDeal amount currency"."""
    if path in INVALID_BY_PATH:
        return INVALID_BY_PATH[path]
    kind = find_kind(path, type_)
    return _invalid_ids(kind) if kind in _ID_KINDS else INVALID_BY_KIND[kind]


def find_kind_or_path(path: str, type_: GraphQLInputType) -> str:
    """Return what fields with equal invalid values have in common: their kind, or the path with values of its own."""
    return path if path in INVALID_BY_PATH else find_kind(path, type_)


def find_kind(path: str, type_: GraphQLInputType) -> str:
    name, named_type = path.rpartition(" ")[2], get_named_type(type_)
    if path in KIND_BY_PATH:
        return KIND_BY_PATH[path]
    if name in KIND_BY_NAME and named_type.name != "PeriodInput":
        return KIND_BY_NAME[name]
    if isinstance(named_type, GraphQLEnumType) and not is_list_type(get_nullable_type(type_)):
        return "enum"
    kind_by_type = {"DateTime": "past", "Date": "day", "Boolean": "boolean", "PeriodInput": "period"}
    assert named_type.name in kind_by_type, f"Add the kind of “{path}” to KIND_BY_NAME or KIND_BY_PATH."
    return kind_by_type[named_type.name]
