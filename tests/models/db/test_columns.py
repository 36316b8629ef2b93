"""Columns of the models: each has its migration, and holds every value of its enum (SQLite would hold longer ones)."""

from __future__ import annotations

import sqlite3
from importlib import import_module

import pytest
from tortoise.fields.data import CharEnumFieldInstance
from tortoise.models import Model

from models.db.connection import MODEL_MODULES
from tests.empty_database import dump_schema

MODELS = [
    member
    for name in MODEL_MODULES
    for member in vars(import_module(name)).values()
    if isinstance(member, type)
    and issubclass(member, Model)
    and member.__module__ == name
    and not member._meta.abstract
]
ENUM_COLUMNS = {
    f"{model.__name__}.{name}": field
    for model in MODELS
    for name, field in model._meta.fields_map.items()
    if isinstance(field, CharEnumFieldInstance)
}


@pytest.mark.parametrize("field", ENUM_COLUMNS.values(), ids=ENUM_COLUMNS.keys())
def test_values_of_enum_fit_into_its_column(field):
    too_long = [value for value in field.enum_type if len(value) > field.max_length]

    assert too_long == [], f"the column holds {field.max_length} characters: shorten the names"


def test_every_column_of_a_model_has_its_migration():
    database = sqlite3.connect(":memory:")
    database.executescript(dump_schema())
    columns = {
        model._meta.db_table: {row[1] for row in database.execute(f"PRAGMA table_info({model._meta.db_table})")}
        for model in MODELS
    }

    differing = {
        model._meta.db_table: sorted(set(model._meta.fields_db_projection.values()) ^ columns[model._meta.db_table])
        for model in MODELS
    }

    assert {table: names for table, names in differing.items() if names} == {}, "models/migrations: add a migration"
