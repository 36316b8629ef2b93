"""The map of an import: which columns of which files mean what.

A map is a small TOML file. Everything in it is checked before a single row is read; what
is wrong is named by its place in the map, with what would be right. Nothing about a file
is guessed: day and month, the decimal sign, stages and currencies are what the map says.
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
    """What a stage's name in the file means; `stage` is its name here, where that differs."""

    status: DealStatus = DealStatus.OPEN
    stage: str | None = None
    pipeline: str | None = None


@dataclass(frozen=True)
class FileMap:
    """How one sort of file is read.

    columns     field → the columns that hold it, of which the first that is not empty counts
    separators  of which the first counts with which the columns are found
    decimal     the decimal sign; of several (".,") a number may have any, where it cannot be meant otherwise
    constants   field → the same value for every row
    templates   field → texts with {columns}, of which the first whose columns are all filled is
                taken where the columns give nothing
    entered     stage → the columns that say when a deal entered it
    id_from     the columns whose cells together tell rows apart, where there is no id
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
    open_closing: str = "reject"  # what the closing day of an open deal means
    unknown: Mapping[str, str] = field(default_factory=dict)

    @property
    def instead(self) -> frozenset[str]:
        """The fields that are there whatever the columns."""
        return frozenset({*self.constants, *self.templates})

    def fits(self, name: str) -> bool:
        return fnmatch(name.casefold(), self.pattern.casefold())


@dataclass(frozen=True)
class Map:
    """A whole map.

    zone      whose clock the times in the files are of; None: the company's
    currency  of amounts that name none; None: the company's
    as_of     the day that records without a creation date were there
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
        """Whether a file of its own tells when deals entered their stages."""
        return any(file.kind == "visits" for file in self.files)

    def file_for(self, name: str) -> FileMap | None:
        """Return how a file of that name is read: the first pattern that it fits."""
        return next((file for file in self.files if file.fits(name)), None)


def ready() -> list[str]:
    """Return the names of the maps that come with Scoreline."""
    return sorted(path.stem for path in READY.glob("*.toml"))


def load(name: str) -> Map:
    """Return a ready map by its name, or the map in a TOML file. Raises MapError."""
    path = READY / f"{name}.toml" if name in ready() else Path(name)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MapError(name, f"take one of {', '.join(ready())}, or a TOML file in UTF-8 ({error})") from error
    return parsed(text, path.stem)


def parsed(text: str, name: str) -> Map:
    """Return the map that the text describes. Raises MapError."""
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
