/** Imports: choose files, look at how they are read, and import them; rejected rows are shown with their reasons. */

import { mutate, newKey, query } from "../core/client.js";
import { h, render } from "../core/dom.js";
import { ago, number, percent } from "../core/format.js";
import { gql } from "../core/gql.js";
import { plural, t } from "../core/i18n.js";
import { subscribe } from "../core/socket.js";
import { upload } from "../core/upload.js";
import { button, empty, panel } from "../parts/controls.js";
import { attempt, notify, openDialog } from "../parts/dialog.js";

const JOB = gql`fragment JobFields on ImportJob { id state dryRun startedAt fileNames rowsRead rowsTaken rowsUnchanged rowsRejected shareDone error startedBy { name } }`;
const IMPORTS = gql`query AdminImports { importRuns(first: 20) { edges { node { ...JobFields } } } } ${JOB}`;
const PREVIEW = gql`mutation PreviewImport($input: PreviewImportInput!) { previewImport(input: $input) { preview { map foundMap questions ignoredFiles files { name kind lines missingFields columns { name field samples confidence } problems { line column reason } } } userErrors { path code message } } }`;
const RUN = gql`mutation RunImport($input: RunImportInput!) { runImport(input: $input) { importRun { ...JobFields } userErrors { path code message } } } ${JOB}`;
const CANCEL = gql`mutation CancelImport($id: ID!, $key: String!) { cancelImport(id: $id, idempotencyKey: $key) { importRun { id } userErrors { path code message } } }`;
const PROGRESS = gql`subscription ImportProgress($id: ID!) { importProgress(id: $id) { ...JobFields } } ${JOB}`;
const REJECTED = gql`query Rejected($id: ID!) { importRun(id: $id) { id summary warnings rejectedRows(first: 50) { totalCount edges { node { file line column reason cells { column value } } } } } }`;

/** @param {HTMLElement} element */
export async function show(element) {
  const { importRuns } = await query(IMPORTS);
  /** @type {any[]} */
  const jobs = importRuns.edges.map((/** @type {any} */ { node }) => node);
  /** @type {File[]} */
  let files = [];
  /** @type {any} */
  let preview = null;
  let map = "";
  let busy = false;
  /** @type {Map<string, () => void>} */
  const followed = new Map();
  const states = { RUNNING: t("running"), FINISHED: t("finished"), FAILED: t("failed"), CANCELLED: t("cancelled"), INTERRUPTED: t("interrupted") };

  /** @param {() => Promise<void>} work */
  async function run(work) {
    busy = true;
    draw();
    try { await work(); } catch (error) { notify(error instanceof Error ? error.message : String(error), { tone: "bad" }); }
    busy = false;
    draw();
  }
  const look = () => run(async () => {
    preview = (await upload(PREVIEW, files, map ? { mapText: map } : {})).preview;
    map = preview.foundMap || map;
  });
  /** Take a column as a field that is missing. @param {string} file @param {string} field @param {string} column */
  const assign = (file, field, column) => {
    const heading = "[file.columns]";
    const at = map.indexOf(heading, Math.max(0, map.indexOf(JSON.stringify(file))));
    map = `${map.slice(0, at + heading.length)}\n${field} = ${JSON.stringify(column)}${map.slice(at + heading.length)}`;
    look();
  };
  const start = (/** @type {boolean} */ dryRun) => run(async () => {
    const { importRun } = await upload(RUN, files, { dryRun, ...(map ? { mapText: map } : {}), idempotencyKey: newKey() });
    jobs.unshift(importRun);
    follow(importRun.id);
  });
  /** @param {string} id */
  function follow(id) {
    followed.set(id, subscribe(PROGRESS, { id }, ({ importProgress: job }) => {
      const index = jobs.findIndex((each) => each.id === id);
      if (index >= 0) jobs[index] = job;
      if (job.state !== "RUNNING") { followed.get(id)?.(); followed.delete(id); }
      draw();
    }));
  }
  const report = attempt(async (/** @type {any} */ job) => {
    const { importRun } = await query(REJECTED, { id: job.id });
    openDialog(job.fileNames.join(", "), () => [
      h("pre.report", {}, importRun.summary), importRun.warnings.map((/** @type {string} */ warning) => h("p.late", {}, warning)),
      importRun.rejectedRows.totalCount ? [h("h3", {}, plural("{count} rejected row", "{count} rejected rows", importRun.rejectedRows.totalCount)), h("ul.list", {}, importRun.rejectedRows.edges.map((/** @type {any} */ { node }) =>
        h("li", {}, h("span.grow", {}, h("span", {}, node.reason), h("small.line", {}, t("{file}, line {line}", { file: node.file, line: node.line }), node.column ? ` · ${node.column}` : ""), h("small.line", {}, node.cells.map((/** @type {any} */ { column, value }) => `${column}: ${value}`).join(" · "))))))] : null]);
  });
  function draw() {
    render(element, h("div.column", {},
      h("section.panel.import", {}, h("header", {}, h("h2", {}, t("New import"))), h("p.soft", {}, t("CSV files and workbooks of another system. Nothing is stored before you start the import.")),
        h("label.drop", {}, h("strong", {}, files.length ? files.map(({ name }) => name).join(", ") : t("Choose files, or drop them here")), h("small", {}, files.length ? t("Choose others") : "CSV, TSV, XLSX, JSON"),
          h("input", { type: "file", multiple: true, accept: ".csv,.tsv,.txt,.xlsx,.json", "aria-label": t("Files"), onchange: (/** @type {any} */ { target }) => { files = [...target.files]; preview = null; map = ""; draw(); if (files.length) look(); } })),
        h("div.actions", {},
          files.length ? button(t("Check all rows"), () => start(true), { disabled: busy }) : null,
          files.length ? button(t("Import"), () => start(false), { class: "primary", disabled: busy }) : null),
        preview ? previewOf(preview, map, assign) : null,
        preview?.questions.length || map ? h("details.more", { open: Boolean(preview?.questions.length) }, h("summary", {}, t("Map of the columns")), preview?.questions.map((/** @type {string} */ question) => h("p.late", {}, question)),
          h("textarea.mono", { rows: 14, spellcheck: "false", "aria-label": t("Map of the columns"), value: map, oninput: (/** @type {any} */ { target }) => { map = target.value; } }), button(t("Look again"), look, { disabled: busy })) : null),
      panel(t("Imports"), null, jobs.length ? h("ul.list", {}, jobs.map((job) => h("li", { "data-key": job.id },
        h("span.grow", {}, h("span.line", {}, job.fileNames.join(", ") || "–"), h("small.line", {}, [ago(job.startedAt), job.startedBy?.name, job.dryRun ? t("check only") : null, t("{count} read", { count: number(job.rowsRead) }), t("{count} taken", { count: number(job.rowsTaken) }), t("{count} rejected", { count: number(job.rowsRejected) })].filter(Boolean).join(" · ")), job.error ? h("small.bad", {}, job.error) : null),
        h("span.chip", { class: { FINISHED: "fine", FAILED: "danger" }[String(job.state)] }, job.state === "RUNNING" ? percent(100 * job.shareDone) : /** @type {any} */ (states)[job.state]),
        job.state === "RUNNING" ? button(t("Cancel"), () => run(async () => { await mutate(CANCEL, { id: job.id, key: newKey() }); })) : button(t("Report"), () => report(job))))) : empty(t("No imports yet.")))));
  }
  for (const job of jobs) if (job.state === "RUNNING") follow(job.id);
  draw();
  return () => { for (const end of followed.values()) end(); };
}

/**
 * The fields that a found map leaves open for a file, as lines such as `# owner = ""`.
 * @param {string} map @param {string} file
 */
function openFields(map, file) {
  const [, section = ""] = map.split(JSON.stringify(file));
  const [lines] = section.split("[[file]]");
  return [...lines.matchAll(/^# (\w+) = ""/gm)].map(([, field]) => field).filter((field) => !lines.includes(`\n${field} = `));
}

/** @param {any} preview @param {string} mapText @param {(file: string, field: string, column: string) => void} assign */
const previewOf = ({ map, files, ignoredFiles }, mapText, assign) => [
  h("p.soft", {}, t("Read as: {map}", { map })),
  files.map((/** @type {any} */ file) => h("section", {}, h("h3", {}, [file.name, file.kind, file.lines ? plural("{count} line", "{count} lines", file.lines) : null].filter(Boolean).join(" · ")),
    h("div.scroll", {}, h("table", {}, h("thead", {}, h("tr", {}, [t("Column"), t("Taken as"), t("Examples")].map((each) => h("th", {}, each)))),
      h("tbody", {}, file.columns.map((/** @type {any} */ { name, field, samples }) => h("tr", {}, h("td", {}, name), h("td", {}, field ? h("span.chip.fine", {}, field) : h("small", {}, t("not read"))), h("td.soft", {}, samples.join(", "))))))),
    [...openFields(mapText, file.name), ...file.missingFields].map((/** @type {string} */ field) => h("label.field.missing", {}, t("Column of {field}", { field }),
      h("select", { onchange: (/** @type {any} */ { target }) => assign(file.name, field, target.value) }, h("option", { value: "" }, t("choose a column")),
        file.columns.filter((/** @type {any} */ column) => !column.field).map((/** @type {any} */ { name }) => h("option", { value: name }, name))))),
    file.problems.slice(0, 10).map((/** @type {any} */ { line, column, reason }) => h("p.late", {}, `${line}${column ? `, ${column}` : ""}: ${reason}`)))),
  ignoredFiles.map((/** @type {string} */ text) => h("p.late", {}, text)),
];
