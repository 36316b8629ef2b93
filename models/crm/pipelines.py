"""Pipelines, their stages, and products with list prices: Tortoise models and queries."""

from __future__ import annotations

from collections.abc import Sequence

from tortoise import fields
from tortoise.models import Model

from domain.forecasting.categories import ForecastCategory
from models.db.columns import (
    currency_column,
    enum_column,
    foreign_key,
    minor_units_column,
    short_text_column,
    text_column,
)


class Pipeline(Model):
    """A pipeline: the ordered stages that deals go through."""

    id = fields.IntField(primary_key=True)
    name: str = short_text_column()

    class Meta:
        table = "pipeline"


class Stage(Model):
    """A step of a pipeline.

    forecast_category  of the open deals in it that have none of their own; None for the usual one
    """

    id = fields.IntField(primary_key=True)
    pipeline = foreign_key("Pipeline")
    pipeline_id: int
    name: str = short_text_column()
    position: int = fields.IntField()
    forecast_category: ForecastCategory | None = enum_column(ForecastCategory, null=True)

    class Meta:
        table = "stage"
        indexes = (("pipeline_id", "position"),)


class Product(Model):
    """A product with its list price: the best available estimate for a deal without an amount."""

    id = fields.IntField(primary_key=True)
    name: str = text_column(400, unique=True)
    price: int = minor_units_column()
    currency: str = currency_column()

    class Meta:
        table = "product"


async def fetch_all() -> list[Pipeline]:
    return await Pipeline.all().order_by("id")


async def load_by_ids(ids: Sequence[int]) -> list[Pipeline | None]:
    rows_by_id = await Pipeline.in_bulk(set(ids), "id")
    return [rows_by_id.get(pipeline_id) for pipeline_id in ids]


async def load_stages_by_ids(ids: Sequence[int]) -> list[Stage | None]:
    rows_by_id = await Stage.in_bulk(set(ids), "id")
    return [rows_by_id.get(stage_id) for stage_id in ids]


async def fetch_stages(pipeline_ids: Sequence[int]) -> list[list[Stage]]:
    """Return the stages of each pipeline, in order."""
    rows = await Stage.filter(pipeline_id__in=set(pipeline_ids)).order_by("position", "id")
    return [[row for row in rows if row.pipeline_id == pipeline_id] for pipeline_id in pipeline_ids]


async def fetch_first_stage() -> Stage | None:
    """Return the first stage of the first pipeline: the default stage of a new deal."""
    return await Stage.all().order_by("pipeline_id", "position", "id").first()


async def fetch_all_stages() -> list[Stage]:
    """Return the stages of all pipelines, by position."""
    return await Stage.all().order_by("position", "id")


async def find_product(name: str) -> Product | None:
    return await Product.get_or_none(name=name)


async def fetch_products() -> list[Product]:
    return await Product.all()
