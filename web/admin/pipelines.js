/** Pipelines and their stages. */

import { mutate, newKey, query } from "../core/client.js";
import { h, render } from "../core/dom.js";
import { gql } from "../core/gql.js";
import { t } from "../core/i18n.js";
import { button, panel } from "../parts/controls.js";
import { openForm } from "../parts/form.js";

const PIPELINES = gql`query AdminPipelines { pipelines { id name stages { id name } } }`;
const SAVE = gql`mutation SavePipeline($input: SavePipelineInput!) { savePipeline(input: $input) { pipeline { id } userErrors { path code message } } }`;

/** @param {HTMLElement} element */
export async function show(element) {
  const { pipelines } = await query(PIPELINES);
  /** @param {any} [pipeline] */
  const edit = (pipeline) => openForm(pipeline?.name || t("New pipeline"), [
    { name: "name", label: t("Name"), value: pipeline?.name, required: true },
    ...(pipeline?.stages || []).map((/** @type {any} */ { id, name }, /** @type {number} */ index) => ({ name: id, label: t("Stage {number}", { number: index + 1 }), value: name, hint: index ? "" : t("An empty name removes a stage in which no deal has been.") })),
    { name: "added", label: t("New stages, one a line"), type: "textarea", required: !pipeline },
  ], async (values) => {
    const kept = (pipeline?.stages || []).map((/** @type {any} */ { id }) => ({ id, name: values[id] })).filter((/** @type {any} */ { name }) => name);
    const added = values.added.split(/\r?\n/).map((/** @type {string} */ name) => ({ name: name.trim() })).filter((/** @type {any} */ { name }) => name);
    await mutate(SAVE, { input: { id: pipeline?.id, name: values.name, stages: [...kept, ...added], idempotencyKey: newKey() } });
    show(element);
  });
  render(element, h("div.head", {}, h("span.grow"), button(t("New pipeline"), () => edit(), { class: "primary" })),
    h("div.pipelines", {}, pipelines.map((/** @type {any} */ pipeline) => panel(pipeline.name, button(t("Change"), () => edit(pipeline), { "aria-label": t("Change: {name}", { name: pipeline.name }) }),
      h("ol.list", {}, pipeline.stages.map((/** @type {any} */ { id, name }, /** @type {number} */ index) => h("li", { "data-key": id }, h("span.number", {}, index + 1), name)))))));
}
