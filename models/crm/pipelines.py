"""Pipelines, their stages, and products with list prices: Tortoise models and queries."""

from __future__ import annotations

from collections.abc import Sequence

from tortoise import fields
from tortoise.models import Model

from models.db.columns import currency_code, link, minor, short_text


class Pipeline(Model):
    """A pipeline: the ordered stages that deals go through."""

    id = fields.IntField(primary_key=True)
    name: str = short_text()

    class Meta:
        table = "pipeline"


class Stage(Model):
    id = fields.IntField(primary_key=True)
    pipeline = link("Pipeline")
    pipeline_id: int
    name: str = short_text()
    position: int = fields.IntField()

    class Meta:
        table = "stage"
        indexes = (("pipeline_id", "position"),)


class Product(Model):
    """A product with its list price: the best available estimate for a deal without an amount."""

    id = fields.IntField(primary_key=True)
    name: str = fields.CharField(max_length=400, unique=True)  # type: ignore[assignment]
    price: int = minor()
    currency: str = currency_code()

    class Meta:
        table = "product"


async def pipelines() -> list[Pipeline]:
    return await Pipeline.all().order_by("id")


async def by_ids(ids: Sequence[int]) -> list[Pipeline | None]:
    found = await Pipeline.in_bulk(set(ids), "id")
    return [found.get(id_) for id_ in ids]


async def stages_by_ids(ids: Sequence[int]) -> list[Stage | None]:
    found = await Stage.in_bulk(set(ids), "id")
    return [found.get(id_) for id_ in ids]


async def stages_of(pipelines: Sequence[int]) -> list[list[Stage]]:
    """Return the stages of each pipeline, in order."""
    rows = await Stage.filter(pipeline_id__in=set(pipelines)).order_by("position", "id")
    return [[row for row in rows if row.pipeline_id == pipeline] for pipeline in pipelines]


async def first_stage() -> Stage | None:
    """Return the first stage of the first pipeline: the default stage of a new deal."""
    return await Stage.all().order_by("pipeline_id", "position", "id").first()
