"""Import maps: TOML files that say which columns of which files hold what.

A map is validated completely before any row is read; an error names the location in the map and what is allowed
there. What it says about encoding, separator, decimal sign and dates holds; what it leaves out is found by reading the
file (imports/files), and refused where the file does not prove it. Stages and currencies are those of the map.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from fnmatch import fnmatch
from pathlib import Path, PurePath
from string import Formatter
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from domain.ledger.record_facts import DealStatus
from domain.messages import Message
from domain.primitives.calendar import is_known_zone
from domain.primitives.money import is_known_currency
from imports.field_specs import FIELDS_BY_KIND, REQUIRED_FIELDS, SPREAD_FIELDS
from imports.toml_schema import (
    MapError,
    MapTable,
    Texts,
    as_texts,
    check_keys,
    choice,
    default,
    invalid,
    one_of,
    rule,
    to_map_error,
)

BUILT_IN_MAPS_DIR: Final = Path(__file__).parent / "maps"
ENCODINGS: Final = (
    "utf-8", "utf-16", "cp1251", "cp1252", "latin-1", "koi8-r", "cp866", "cp1250", "cp1254", "cp1257",
)  # fmt: skip
TABLE_SUFFIXES: Final = (".csv", ".tsv", ".tab", ".xlsx", ".xlsm", ".xls", ".html", ".htm")
_TOML_PLACE: Final = re.compile(r"\(at line (\d+), column (\d+)\)$")
_STATUS_BY_WORD: Final = {status.lower(): status for status in DealStatus}
_UNKNOWN_POLICIES: Final = {
    "owner": ("create", "reject", "importer"),
    "client": ("create", "reject"),
    "product": ("keep", "reject"),
    "stage": ("create", "reject"),
}
_ZONE: Final = rule(is_known_zone, Message('give the time zone by its IANA name, e.g. "Europe/Moscow"'))
_CURRENCY: Final = rule(is_known_currency, Message('give the currency by its ISO 4217 code, e.g. "EUR"'))
_DECIMAL: Final = rule({".", ","}.issuperset, Message("give `.` or `,`, or both as a list"))


def _parse_status(value: object) -> object:
    """Return the status that a word means. It is converted before validation, where a text would not be accepted."""
    if isinstance(value, str) and value not in _STATUS_BY_WORD:
        raise invalid(one_of(_STATUS_BY_WORD))
    return _STATUS_BY_WORD[value] if isinstance(value, str) else value


def _check_separators(separators: list[str]) -> list[str]:
    if any(len(separator) != 1 or separator in '"\r\n' for separator in separators):
        raise invalid(Message("give one character, e.g. `;` or a tab"))
    return separators


def _check_dates(formats: list[str]) -> list[str]:
    for text in formats:
        if text != "iso" and not ("%d" in text and "%m" in text and ("%Y" in text or "%y" in text)):
            raise invalid(
                Message(
                    "“{text}” is not a day: write e.g. {example}, or `iso`",
                    {"text": text, "example": "`%d.%m.%Y %H:%M:%S`"},
                )
            )
    return formats


class StageMap(MapTable):
    """The meaning of a stage name in a file; `stage` is the name of our stage where it differs."""

    status: Annotated[DealStatus, BeforeValidator(_parse_status)] = DealStatus.OPEN
    stage: str | None = None
    pipeline: str | None = None

    @model_validator(mode="before")
    @classmethod
    def accept_status_alone(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        _parse_status(value)  # its error names the stage, not a key below it
        return {"status": value}


class FileMap(MapTable):
    """How files that match `pattern` are read.

    columns              field → columns that may hold it; the first non-empty one counts
    sheet                pattern of the sheets of a workbook that are read; empty: those with the required columns
    ignored              columns that an export may have and that are not read on purpose; they are no remark
    footer               patterns of the first cell of rows that are none, such as totals below a report
    optional             fields that no column of a file need hold; `entered` for the columns of `stage_entry_columns`
    separators           candidates; the first with which the required columns are found is used
    encoding             empty: found from the file
    decimal              the decimal sign; with several (".,") a number may use either unless it is ambiguous; empty: found
                         column by column
    dates                formats; empty: found column by column
    constants            field → value for every row
    templates            field → texts with {columns}; used where `columns` give nothing: the first template whose
                         columns are all filled
    spread               of goals: `period` or `metric` → columns with the targets of the period or metric that is their header
    stage_entry_columns  stage → columns with the time a deal entered it
    id_from              columns that together identify a row, where there is no id column
    open_closing         how to treat the closing date of an open deal
    """

    kind: Annotated[str, choice(FIELDS_BY_KIND)] = Field("", validate_default=True)
    pattern: Annotated[str, default("*.csv")] = "*.csv"
    columns: Mapping[str, Texts] = {}
    optional: Texts = []
    ignored: Texts = []
    footer: Texts = []
    sheet: str = ""
    separators: Annotated[Texts, AfterValidator(_check_separators)] = Field([], alias="separator")
    encoding: Annotated[str, rule(("", *ENCODINGS).__contains__, one_of(ENCODINGS))] = ""
    decimal: Annotated[str, BeforeValidator(lambda signs: "".join(as_texts(signs))), _DECIMAL] = ""
    thousands: str = ""
    dates: Annotated[Texts, AfterValidator(_check_dates)] = []
    empty: Annotated[Texts, AfterValidator(lambda words: [word.casefold() for word in words])] = []
    id_from: Texts = []
    prefix: str = ""
    constants: Mapping[str, str] = {}
    templates: Mapping[str, Texts] = {}
    values: Mapping[str, Mapping[str, str]] = {}
    spread: Mapping[str, Texts] = {}
    stages: Mapping[str, StageMap] = {}
    stage_entry_columns: Mapping[str, Texts] = Field({}, alias="entered")
    open_closing: Annotated[str, default("reject"), choice(("expected", "ignore", "reject"))] = "reject"
    unknown: Mapping[str, str] = {}
    _location: str = PrivateAttr("")

    @property
    def location(self) -> str:
        """The place of this section in the map, for errors."""
        return self._location

    @property
    def fields_without_column(self) -> frozenset[str]:
        """The fields that have a constant or template, or are spread over columns, and so need no column."""
        return frozenset({*self.constants, *self.templates, *self.spread, *(["target"] if self.spread else [])})

    @property
    def spread_field(self) -> str:
        """The field that the headers of several columns with targets hold; empty if none does."""
        return next(iter(self.spread), "")

    @property
    def spread_columns(self) -> Sequence[str]:
        """The columns with a target each."""
        return self.spread.get(self.spread_field, [])

    def matches(self, name: str) -> bool:
        """Return whether the pattern matches the file name. A pattern for `.csv` also matches other kinds of tables."""
        name, pattern = name.casefold(), self.pattern.casefold()
        path = PurePath(name)
        return fnmatch(name, pattern) or (path.suffix in TABLE_SUFFIXES and fnmatch(f"{path.stem}.csv", pattern))

    def matches_sheet(self, sheet: str) -> bool:
        return not self.sheet or fnmatch(sheet.casefold(), self.sheet.casefold())

    @field_validator("columns", "constants", "templates", "values", "unknown", mode="before")
    @classmethod
    def _check_fields(cls, table: object, info: ValidationInfo) -> object:
        if info.field_name == "unknown":
            check_keys(table, _UNKNOWN_POLICIES)
        elif "kind" in info.data:
            check_keys(table, FIELDS_BY_KIND[info.data["kind"]])
        return table

    @field_validator("optional")
    @classmethod
    def _check_optional(cls, fields: list[str], info: ValidationInfo) -> list[str]:
        if "kind" in info.data:
            check_keys(dict.fromkeys(fields), [*FIELDS_BY_KIND[info.data["kind"]], "entered"])
        return fields

    @field_validator("spread")
    @classmethod
    def _check_spread(cls, spread: Mapping[str, Texts], info: ValidationInfo) -> Mapping[str, Texts]:
        if spread and info.data.get("kind") != "goals":
            raise invalid(Message("only goals may have several targets in a row"))
        check_keys(spread, SPREAD_FIELDS)
        if len(spread) > 1:
            raise invalid(one_of(SPREAD_FIELDS))
        return spread

    @field_validator("templates")
    @classmethod
    def _check_templates(cls, templates: Mapping[str, Texts]) -> Mapping[str, Texts]:
        for name, texts in templates.items():
            try:
                for text in texts:
                    list(Formatter().parse(text))
            except ValueError as error:
                raise invalid(Message("write columns as {example}", {"example": "{name}"}), name) from error
        return templates

    @field_validator("thousands")
    @classmethod
    def _check_thousands(cls, sign: str, info: ValidationInfo) -> str:
        if sign not in {"", ".", ",", "'"} - {*info.data.get("decimal", "")}:
            raise invalid(Message("give `.`, `,` or `'`, not the decimal sign"))
        return sign

    @field_validator("unknown")
    @classmethod
    def _check_policies(cls, policies: Mapping[str, str]) -> Mapping[str, str]:
        for name, policy in policies.items():
            if policy not in _UNKNOWN_POLICIES[name]:
                raise invalid(one_of(_UNKNOWN_POLICIES[name]), name)
        return policies

    @model_validator(mode="after")
    def _check_required_fields(self) -> FileMap:
        for name in REQUIRED_FIELDS[self.kind]:
            if name not in {*self.columns, *self.fields_without_column}:
                message = Message("{kind} need this: name its column, a constant or a template", {"kind": self.kind})
                raise invalid(message, "columns", name)
        return self


class PipelineMap(MapTable):
    """The pipeline of deals in files that name none, with its stages."""

    name: str | None = None
    stages: Texts = []


def _as_tables(value: object) -> object:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise invalid(Message("this has to be tables that begin with [[file]]"))
    return value


def _check_day(value: object) -> object:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise invalid(Message("this has to be a day like 2026-01-31, without quotation marks"))
    return value


class ImportMap(MapTable):
    """A complete import map.

    zone      time zone of the times in the files; None: the company's
    currency  currency of amounts without one; None: the company's
    as_of     day on which records without a creation date existed
    """

    name: str = ""
    zone: Annotated[str | None, _ZONE] = None
    currency: Annotated[str | None, _CURRENCY] = None
    as_of: Annotated[date | None, BeforeValidator(_check_day)] = None
    pipeline_map: PipelineMap = Field(PipelineMap(), alias="pipeline")
    files: Annotated[list[FileMap], BeforeValidator(_as_tables)] = Field([], alias="file")

    @property
    def pipeline(self) -> str | None:
        """The pipeline of deals in files that name none."""
        return self.pipeline_map.name

    @property
    def stages(self) -> Sequence[str]:
        """The stages of this pipeline."""
        return self.pipeline_map.stages

    @property
    def has_stage_history(self) -> bool:
        """Whether a separate file holds the stage entries of deals."""
        return any(file.kind == "visits" for file in self.files)

    def find_file_maps(self, name: str) -> list[FileMap]:
        """Return the file maps with a pattern that matches the file name; of a CSV file the first counts."""
        return [file for file in self.files if file.matches(name)]

    @model_validator(mode="after")
    def _check_whole_map(self) -> ImportMap:
        if not self.files:
            raise invalid(Message("a map has at least one [[file]] with `pattern`, `kind` and [file.columns]"), "file")
        if self.stages and not self.pipeline:
            raise invalid(Message("name the pipeline that has these stages"), "pipeline", "name")
        for number, file in enumerate(self.files, 1):
            file._location = f"file {number}"
        return self


def _describe_toml_error(error: tomllib.TOMLDecodeError) -> Message:
    """Return the message for an error of the parser, which only its English sentence locates."""
    if match := _TOML_PLACE.search(str(error)):
        line, column = match.groups()
        return Message("this is not TOML: see line {line}, column {column}", {"line": line, "column": column})
    return Message("this is not TOML: something is missing at its end")


def built_in_maps() -> list[str]:
    """Return the names of the maps included in Scoreline."""
    return sorted(path.stem for path in BUILT_IN_MAPS_DIR.glob("*.toml"))


def load_map(name: str) -> ImportMap:
    """Return a built-in map by name, or the map in a TOML file. Raises MapError."""
    path = BUILT_IN_MAPS_DIR / f"{name}.toml" if name in built_in_maps() else Path(name)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        message = Message(
            "take one of {maps}, or a TOML file in UTF-8 ({error})",
            {"maps": ", ".join(built_in_maps()), "error": str(error)},
        )
        raise MapError(message, name) from error
    return parse_map(text, path.stem)


def parse_map(text: str, name: str) -> ImportMap:
    """Parse and validate the text of a map. Raises MapError."""
    try:
        content = tomllib.loads(text)
        return ImportMap.model_validate({**content, "name": name if content.get("name", "") == "" else content["name"]})
    except tomllib.TOMLDecodeError as error:
        raise MapError(_describe_toml_error(error), name) from error
    except ValidationError as error:
        raise to_map_error(error) from error
