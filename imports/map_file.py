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
from domain.primitives.calendar import is_known_zone
from domain.primitives.money import is_known_currency
from imports.field_specs import FIELDS_BY_KIND, REQUIRED_FIELDS
from imports.toml_schema import MapError, TomlTable

BUILT_IN_MAPS_DIR: Final = Path(__file__).parent / "maps"
ENCODINGS: Final = ("utf-8", "cp1251")
_UNKNOWN_POLICIES: Final = {
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
    id_from              columns that together identify a row, where there is no id column
    """

    location: str
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
    stage_entry_columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    open_closing: str = "reject"  # how to treat the closing date of an open deal
    unknown: Mapping[str, str] = field(default_factory=dict)

    @property
    def fields_without_column(self) -> frozenset[str]:
        """The fields that have a constant or template and so need no column."""
        return frozenset({*self.constants, *self.templates})

    def matches(self, name: str) -> bool:
        return fnmatch(name.casefold(), self.pattern.casefold())


@dataclass(frozen=True)
class ImportMap:
    """A complete import map.

    zone      time zone of the times in the files; None: the company's
    currency  currency of amounts without one; None: the company's
    as_of     day on which records without a creation date existed
    pipeline  pipeline of deals in files that name none, with its `stages`
    """

    name: str
    files: Sequence[FileMap]
    zone: str | None = None
    currency: str | None = None
    as_of: date | None = None
    pipeline: str | None = None
    stages: Sequence[str] = ()

    @property
    def has_stage_history(self) -> bool:
        """Whether a separate file holds the stage entries of deals."""
        return any(file.kind == "visits" for file in self.files)

    def find_file_map(self, name: str) -> FileMap | None:
        """Return the first file map with a pattern that matches the file name, or None."""
        return next((file for file in self.files if file.matches(name)), None)


def built_in_maps() -> list[str]:
    """Return the names of the maps included in Scoreline."""
    return sorted(path.stem for path in BUILT_IN_MAPS_DIR.glob("*.toml"))


def load_map(name: str) -> ImportMap:
    """Return a built-in map by name, or the map in a TOML file. Raises MapError."""
    path = BUILT_IN_MAPS_DIR / f"{name}.toml" if name in built_in_maps() else Path(name)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MapError(name, f"take one of {', '.join(built_in_maps())}, or a TOML file in UTF-8 ({error})") from error
    return parse_map(text, path.stem)


def parse_map(text: str, name: str) -> ImportMap:
    """Parse and validate the text of a map. Raises MapError."""
    try:
        root = TomlTable(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise MapError(name, f"this is not TOML ({error})") from error
    zone, currency = root.get_text("zone"), root.get_text("currency")
    if zone is not None and not is_known_zone(zone):
        raise MapError("zone", 'give the time zone by its IANA name, e.g. "Europe/Moscow"')
    if currency is not None and not is_known_currency(currency):
        raise MapError("currency", 'give the currency by its ISO 4217 code, e.g. "EUR"')
    as_of = root.require_type("as_of", date, "a day like 2026-01-31, without quotation marks")
    pipeline = root.get_table("pipeline")
    import_map = ImportMap(
        root.get_text("name") or name,
        [_parse_file(table) for table in root.get_tables("file")],
        zone,
        currency,
        as_of,
        pipeline.get_text("name"),
        pipeline.get_texts("stages"),
    )
    pipeline.reject_unknown_keys()
    root.reject_unknown_keys()
    if not import_map.files:
        raise MapError("file", "a map has at least one [[file]] with `pattern`, `kind` and [file.columns]")
    if import_map.stages and not import_map.pipeline:
        raise MapError("pipeline.name", "name the pipeline that has these stages")
    return import_map


def _parse_file(table: TomlTable) -> FileMap:
    kind = table.get_choice("kind", FIELDS_BY_KIND, None)
    fields = FIELDS_BY_KIND[kind]
    columns = table.get_table("columns").get_texts_by_key(fields)
    constants = table.get_table("constants").get_text_by_key(fields)
    templates = table.get_table("templates").get_texts_by_key(fields)
    for name, texts in templates.items():
        for text in texts:
            _template_columns(text, f"{table.location}.templates.{name}")
    values = table.get_table("values")
    unknown = table.get_table("unknown")
    stages = table.get_table("stages")
    decimal = "".join(table.get_texts("decimal")) or "."
    if not {".", ","}.issuperset(decimal):
        raise MapError(f"{table.location}.decimal", "give `.` or `,`, or both as a list")
    thousands = table.get_text("thousands") or ""
    if thousands not in {"", ".", ",", "'"} - {*decimal}:
        raise MapError(f"{table.location}.thousands", "give `.`, `,` or `'`, not the decimal sign")
    separators = table.get_texts("separator") or [","]
    if any(len(separator) != 1 or separator in '"\r\n' for separator in separators):
        raise MapError(f"{table.location}.separator", "give one character, e.g. `;` or a tab")
    dates = table.get_texts("dates") or ["%Y-%m-%d"]
    for date_format in dates:
        if date_format != "iso" and not (
            "%d" in date_format and "%m" in date_format and ("%Y" in date_format or "%y" in date_format)
        ):
            raise MapError(
                f"{table.location}.dates", f"“{date_format}” is not a day: write e.g. `%d.%m.%Y %H:%M:%S`, or `iso`"
            )
    file_map = FileMap(
        table.location,
        table.get_text("pattern") or "*.csv",
        kind,
        columns,
        separators,
        table.get_choice("encoding", ENCODINGS, "utf-8"),
        decimal,
        thousands,
        dates,
        frozenset(word.casefold() for word in table.get_texts("empty")),
        table.get_texts("id_from"),
        table.get_text("prefix") or "",
        constants,
        templates,
        {name: values.get_table(name).get_text_by_key(None) for name in values.get_keys(fields)},
        {name: _parse_stage(stages, name) for name in stages.get_keys(None)},
        table.get_table("entered").get_texts_by_key(None),
        table.get_choice("open_closing", ("expected", "ignore", "reject"), "reject"),
        {name: unknown.get_choice(name, _UNKNOWN_POLICIES[name], None) for name in unknown.get_keys(_UNKNOWN_POLICIES)},
    )
    table.reject_unknown_keys()
    for name in REQUIRED_FIELDS[kind]:
        if name not in {**columns, **constants, **templates}:
            message = f"{kind} need this: name its column, a constant or a template"
            raise MapError(f"{table.location}.columns.{name}", message)
    return file_map


def _parse_stage(stages: TomlTable, name: str) -> StageMap:
    words = tuple(status.lower() for status in DealStatus)
    if isinstance(stages.content[name], str):
        return StageMap(DealStatus(stages.get_choice(name, words, None).upper()))
    table = stages.get_table(name)
    status = DealStatus(table.get_choice("status", words, "open").upper())
    stage_map = StageMap(status, table.get_text("stage"), table.get_text("pipeline"))
    table.reject_unknown_keys()
    return stage_map


def _template_columns(text: str, location: str) -> list[str]:
    try:
        return [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise MapError(location, f"write columns as {{name}} ({error})") from error
