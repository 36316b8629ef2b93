"""Columns hold every value that their enum has; SQLite would not complain about a longer one, PostgreSQL does."""

from __future__ import annotations

from importlib import import_module

import pytest
from tortoise.fields.data import CharEnumFieldInstance
from tortoise.models import Model

from models.db.connection import MODEL_MODULES

MODELS = [
    member
    for name in MODEL_MODULES
    for member in vars(import_module(name)).values()
    if isinstance(member, type) and issubclass(member, Model) and member.__module__ == name
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
