"""The mutation of pipelines."""

from __future__ import annotations

import strawberry
from strawberry import ID, UNSET

from graph.base.enums import ForecastCategory
from graph.base.input_mapping import to_input
from graph.base.lazy_types import PipelineRef
from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from resolvers.organization import company
from resolvers.organization.inputs import PipelineInput


@strawberry.input(description="`forecastCategory`: of the open deals in the stage, unless they have one of their own.")
class StageInput:
    id: ID | None = UNSET
    name: str
    forecast_category: ForecastCategory | None = UNSET


@strawberry.input
class SavePipelineInput:
    id: ID | None = UNSET
    name: str
    stages: list[StageInput]
    idempotency_key: str | None = UNSET


@payload("The pipeline.")
class PipelinePayload:
    pipeline: PipelineRef | None


@strawberry.type
class PipelineMutation:
    @mutation("Create a pipeline, or change one's name and stages; a stage that deals have been in cannot be removed.")
    async def save_pipeline(self, info: Info, input: SavePipelineInput) -> PipelinePayload:
        return PipelinePayload(pipeline=await company.save_pipeline(info.context, to_input(PipelineInput, input)))
