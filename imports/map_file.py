"""Import maps: TOML files that say which columns of which files hold what.

A map is validated completely before any row is read; an error names the location in the map and what is allowed
there. Nothing about a file is guessed: date formats, decimal signs, stages and currencies are those of the map.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatch
from pathlib import Path
from string import Formatter
from typing import Final

from domain.ledger.record_facts import DealStatus
from domain.primitives.calendar import known_zone
from domain.primitives.money import known_currency
from imports.field_specs import KINDS, NEEDED
from imports.toml_schema import MapError, Table

READY: Final = Path(__file__).parent / "maps"
ENCODINGS: Final = ("utf-8", "cp1251")
_UNKNOWN: Final = {
    "owner": ("create", "reject", "importer"),
    "client": ("create", "reject"),
    "product": ("keep", "reject"),
    "stage": ("create", "reject"),
}


@dataclass(frozen=True)
class StageMap:
    """The meaning of a stage name in a file; `stage` is the name of our stage where it differs."""

    status: DealStatus = DealStatus.OPEN
    stage: str | None = None
    pipeline: str | None = None


@dataclass(frozen=True)
class FileMap:
    """How files that match `pattern` are read.

    location             place of this section in the map, for errors
    columns              field → columns that may hold it; the first non-empty one counts
    separators           candidates; the first with which the required columns are found is used
    decimal              the decimal sign; with several (".,") a number may use either unless it is ambiguous
    constants            field → value for every row
    templates            field → texts with {columns}; used where `columns` give nothing: the first template whose
                         columns are all filled
    stage_entry_columns  stage → columns with the time a deal entered it
    id_from              columns whose cells together identify a row, where there is no id column
    """

    place: str
    pattern: str
    kind: str
    columns: Mapping[str, Sequence[str]]
    separators: Sequence[str] = (",",)
    encoding: str = "utf-8"
    decimal: str = "."
    thousands: str = ""
    dates: Sequence[str] = ("%Y-%m-%d",)
    empty: frozenset[str] = frozenset()
    id_from: Sequence[str] = ()
    prefix: str = ""
    constants: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, Sequence[str]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    stages: Mapping[str, StageMap] = field(default_factory=dict)
    entered: Mapping[str, Sequence[str]] = field(default_factory=dict)
    open_closing: str = "reject"  # how to treat the closing date of an open deal
    unknown: Mapping[str, str] = field(default_factory=dict)

    @property
    def instead(self) -> frozenset[str]:
        """The fields that have a constant or template and so need no column."""
        return frozenset({*self.constants, *self.templates})

    def fits(self, name: str) -> bool:
        return fnmatch(name.casefold(), self.pattern.casefold())


@dataclass(frozen=True)
class Map:
    """A complete import map.

    zone      time zone of the times in the files; None: the company's
    currency  currency of amounts without one; None: the company's
    as_of     day on which records without a creation date existed
    pipeline  pipeline of deals whose file names none, with its `stages`
    """

    name: str
    files: Sequence[FileMap]
    zone: str | None = None
    currency: str | None = None
    as_of: date | None = None
    pipeline: str | None = None
    stages: Sequence[str] = ()

    @property
    def tells_visits(self) -> bool:
        """Whether a separate file holds the stage entries of deals."""
        return any(file.kind == "visits" for file in self.files)

    def file_for(self, name: str) -> FileMap | None:
        """Return the first file map whose pattern matches the file name, or None."""
        return next((file for file in self.files if file.fits(name)), None)


def ready() -> list[str]:
    """Return the names of the maps included in Scoreline."""
    return sorted(path.stem for path in READY.glob("*.toml"))


def load(name: str) -> Map:
    """Return a built-in map by name, or the map in a TOML file. Raises MapError."""
    path = READY / f"{name}.toml" if name in ready() else Path(name)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MapError(name, f"take one of {', '.join(ready())}, or a TOML file in UTF-8 ({error})") from error
    return parsed(text, path.stem)


def parsed(text: str, name: str) -> Map:
    """Parse and validate the text of a map. Raises MapError."""
    try:
        given = Table(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise MapError(name, f"this is not TOML ({error})") from error
    zone, currency = given.text("zone"), given.text("currency")
    if zone is not None and not known_zone(zone):
        raise MapError("zone", 'give the time zone by its IANA name, e.g. "Europe/Moscow"')
    if currency is not None and not known_currency(currency):
        raise MapError("currency", 'give the currency by its ISO 4217 code, e.g. "EUR"')
    as_of = given.take("as_of", date, "a day like 2026-01-31, without quotation marks")
    pipeline = given.table("pipeline")
    found = Map(
        given.text("name") or name,
        [_file(table) for table in given.tables("file")],
        zone,
        currency,
        as_of,
        pipeline.text("name"),
        pipeline.texts("stages"),
    )
    pipeline.done()
    given.done()
    if not found.files:
        raise MapError("file", "a map has at least one [[file]] with `pattern`, `kind` and [file.columns]")
    if found.stages and not found.pipeline:
        raise MapError("pipeline.name", "name the pipeline that has these stages")
    return found


def _file(given: Table) -> FileMap:
    kind = given.one_of("kind", KINDS, None)
    fields = KINDS[kind]
    columns = given.table("columns").each_texts(fields)
    constants = given.table("constants").each_text(fields)
    templates = given.table("templates").each_texts(fields)
    for name, texts in templates.items():
        for text in texts:
            _columns_of(text, f"{given.place}.templates.{name}")
    values = given.table("values")
    unknown = given.table("unknown")
    stages = given.table("stages")
    decimal = "".join(given.texts("decimal")) or "."
    if not {".", ","}.issuperset(decimal):
        raise MapError(f"{given.place}.decimal", "give `.` or `,`, or both as a list")
    thousands = given.text("thousands") or ""
    if thousands not in {"", ".", ",", "'"} - {*decimal}:
        raise MapError(f"{given.place}.thousands", "give `.`, `,` or `'`, not the decimal sign")
    separators = given.texts("separator") or [","]
    if any(len(separator) != 1 or separator in '"\r\n' for separator in separators):
        raise MapError(f"{given.place}.separator", "give one character, e.g. `;` or a tab")
    dates = given.texts("dates") or ["%Y-%m-%d"]
    for form in dates:
        if form != "iso" and not ("%d" in form and "%m" in form and ("%Y" in form or "%y" in form)):
            raise MapError(f"{given.place}.dates", f"“{form}” is not a day: write e.g. `%d.%m.%Y %H:%M:%S`, or `iso`")
    found = FileMap(
        given.place,
        given.text("pattern") or "*.csv",
        kind,
        columns,
        separators,
        given.one_of("encoding", ENCODINGS, "utf-8"),
        decimal,
        thousands,
        dates,
        frozenset(word.casefold() for word in given.texts("empty")),
        given.texts("id_from"),
        given.text("prefix") or "",
        constants,
        templates,
        {name: values.table(name).each_text(None) for name in values.names(fields)},
        {name: _stage(stages, name) for name in stages.names(None)},
        given.table("entered").each_texts(None),
        given.one_of("open_closing", ("expected", "ignore", "reject"), "reject"),
        {name: unknown.one_of(name, _UNKNOWN[name], None) for name in unknown.names(_UNKNOWN)},
    )
    given.done()
    for name in NEEDED[kind]:
        if name not in {**columns, **constants, **templates}:
            sentence = f"{kind} need this: name its column, a constant or a template"
            raise MapError(f"{given.place}.columns.{name}", sentence)
    return found


def _stage(stages: Table, name: str) -> StageMap:
    words = tuple(status.lower() for status in DealStatus)
    if isinstance(stages.given[name], str):
        return StageMap(DealStatus(stages.one_of(name, words, None).upper()))
    table = stages.table(name)
    status = DealStatus(table.one_of("status", words, "open").upper())
    found = StageMap(status, table.text("stage"), table.text("pipeline"))
    table.done()
    return found


def _columns_of(text: str, place: str) -> list[str]:
    try:
        return [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise MapError(place, f"write columns as {{name}} ({error})") from error
