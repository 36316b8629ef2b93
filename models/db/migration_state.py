"""State of the tables during migrations, built lazily: Tortoise would take most of the time to build what nobody reads."""

from __future__ import annotations

from copy import copy
from functools import cached_property
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.migrations.executor import MigrationExecutor
from tortoise.migrations.schema_generator.state import ModelState, State
from tortoise.migrations.schema_generator.state_apps import StateApps
from tortoise.models import Model


def create_executor(connection: BaseDBAsyncClient, apps_config: dict[str, Any]) -> MigrationExecutor:
    """Return the executor of the migrations of these apps of Tortoise's configuration."""
    return _LazyStateExecutor(connection, apps_config)


class _LazyStateExecutor(MigrationExecutor):
    """Migration executor that builds the state of earlier tables lazily.

    Tortoise rebuilds the state of all tables before each operation, but few operations look at it.
    """

    async def _project_state(self, *args: Any, **kwargs: Any) -> State:
        state = await super()._project_state(*args, **kwargs)
        return _CurrentState(state.models, state.apps)


class _CurrentState(State):
    """The state of the tables at the current operation; prepares only the models that the operation has changed.

    Tortoise prepares all of them for queries after each operation, which would take most of the time of all migrations.
    """

    def __init__(self, models: dict[tuple[str, str], ModelState], apps: StateApps) -> None:
        super().__init__(models, apps)
        self._field_counts: dict[type[Model], int] = {}  # of the prepared models

    def clone(self) -> State:
        return _EarlierState({key: model.clone() for key, model in self.models.items()}, self.apps)

    def _reload(self, models_to_reload: set[tuple[str, str]]) -> None:
        for app_label, name in models_to_reload:
            self.apps.unregister_model(app_label, name)
            self.apps.register_model(app_label, self.models[app_label, name].render(self.apps))
        self.apps._init_relations()
        changed_apps = copy(self.apps)
        changed_apps.apps = {
            label: {name: model for name, model in app.items() if self._is_changed(model)}
            for label, app in self.apps.apps.items()
        }
        changed_apps._build_initial_querysets()
        for app in changed_apps.apps.values():
            self._field_counts |= {model: len(model._meta.fields_map) for model in app.values() if model._meta._inited}

    def _is_changed(self, model: type[Model]) -> bool:
        """Return whether the model is new, or a relation to it is."""
        return self._field_counts.get(model) != len(model._meta.fields_map)


class _EarlierState(State):
    """The state of the tables before an operation, built on first access."""

    def __init__(self, models: dict[tuple[str, str], ModelState], later_apps: StateApps) -> None:
        self.models, self._later_apps = models, later_apps

    @cached_property
    def apps(self) -> StateApps:  # type: ignore[override]
        return self._later_apps.clone(model_states=self.models)
