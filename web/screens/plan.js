/** The plan workbench: targets of a scope, its teams and people for a period, computed live and applied at once. */

import { parameter } from "../core/address.js";
import { mutate, newKey, pause, query, Refused, RequestError } from "../core/client.js";
import { h, onNextFrame, render } from "../core/dom.js";
import { useCompany } from "../core/format.js";
import { gql } from "../core/gql.js";
import { plural, t } from "../core/i18n.js";
import { chosenPeriod } from "../core/period.js";
import { canForAll, canForOthers, viewer } from "../core/session.js";
import { readNumber } from "../parts/cells.js";
import { empty, periodPicker, scopePicker, toStart } from "../parts/controls.js";
import { attempt, notify, openDialog } from "../parts/dialog.js";
import { openForm } from "../parts/form.js";
import { metricForm, newMetric, planInput } from "../parts/plan_form.js";
import { planTable, tableText } from "../parts/plan_table.js";

const CHOICES = gql`fragment PlanChoices on Query {
  company { id name currency timeZone }
  teams { id name parent { id } manager { id } } groups { id name ... on Team { parent { id } } }
  metrics { key name unit }
  funnel(scope: $scope, period: $period) { scope { __typename id name } period { kind start end label } }
  activities(scope: $scope, kinds: [PLAN_APPLIED], first: 5) { edges { node { id subject { ... on GoalPlan { id goalCount appliedAt undoneAt period { label } scope { id name } appliedBy { name } } } } } }
}`;
const PREVIEW_ROW = gql`fragment PreviewRow on PlannedTarget {
  owner { __typename id name ... on Employee { team { id } } } metric { key unit }
  lastResult base target difference byHand workingTimeShare existing { id target }
}`;
const PREVIEW_FIELDS = gql`fragment PreviewFields on PlanPreview {
  hash targetCount
  totals { metric { key } target allocated byHand }
  targets { ...PreviewRow }
}
${PREVIEW_ROW}`;
const START = gql`query PlanStart($scope: ID!, $period: PeriodInput!, $input: PlanInput!) { ...PlanChoices planPreview(input: $input) { ...PreviewFields } }
${CHOICES} ${PREVIEW_FIELDS}`;
const START_EMPTY = gql`query PlanStartEmpty($scope: ID!, $period: PeriodInput!) { ...PlanChoices }
${CHOICES}`;
const PREVIEW = gql`query PlanPreview($input: PlanInput!) { planPreview(input: $input) { ...PreviewFields } }
${PREVIEW_FIELDS}`;
const CHANCES = gql`query PlanChances($input: PlanInput!) { planPreview(input: $input) { totals { metric { key } probability } targets { owner { id } metric { key } probability } } }`;
const MORE = gql`query PlanMore($input: PlanInput!, $metric: String!, $skip: Int!) { planPreview(input: $input) { hash targets(metric: $metric, skip: $skip) { ...PreviewRow } } }
${PREVIEW_ROW}`;
const APPLY = gql`mutation ApplyPlan($input: ApplyPlanInput!) { applyPlan(input: $input) { plan { id goalCount } userErrors { path code message } } }`;
const UNDO = gql`mutation UndoPlan($id: ID!, $keepChanged: Boolean!, $reason: String, $key: String!) { undoPlan(id: $id, keepChanged: $keepChanged, reason: $reason, idempotencyKey: $key) { plan { id undoneAt } userErrors { path code message } } }`;

const COMPUTE_SECONDS = 0.25; // after the last keystroke
const SLOW_SECONDS = 2; // after which the page shows what it has, without the preview

const FIRST_ROWS = 25; // as many as a window has

/** What is being planned; kept while other screens are shown. @type {{metrics: any[], targets: Map<string, string>, leftOut: Set<string>, ramp: string, shown: number, opened: Map<string, number>, search: string}} */
const plan = { metrics: [newMetric("deals_won_amount", "MONEY")], targets: new Map(), leftOut: new Set(), ramp: "", shown: 0, opened: new Map(), search: "" };
let planned = ""; // scope and period that the targets by hand belong to

const lacksTotal = () => plan.metrics.some(({ base, total }) => base === "TOTAL" && readNumber(total) === null);

const hasNoPast = () => viewer().scope.lastMonth?.series.every(({ total }) => !Number(total)) || false;

/**
 * Read what can be chosen, with the first preview, or with why there is none. Of a large company, whose preview takes the
 * server long, `later` is that preview.
 * @param {string} scope @param {{kind: string, offset: number}} period
 * @returns {Promise<any>}
 */
async function readStart(scope, period) {
  const readChoices = () => query(START_EMPTY, { scope, period });
  if (lacksTotal()) return { ...await readChoices(), problem: t("Enter the total.") };
  const start = query(START, { scope, period, input: planInput(plan, scope, period) });
  try {
    const data = await Promise.race([start, pause(SLOW_SECONDS)]);
    return data || { ...await readChoices(), later: start };
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    if (error.field.endsWith(".base") && plan.metrics.length === 1) plan.metrics[0].base = "TOTAL"; // what it would start from is zero
    return { ...await readChoices(), problem: error.message };
  }
}

/** Whether the company asks why targets of a running period change. @param {unknown} error */
const lacksReason = (error) => error instanceof Refused && error.userErrors.some(({ path }) => path.includes("reason"));

/** @param {string} label @param {(reason: string) => Promise<void>} goOn */
const askReason = (label, goOn) => openForm(t("Why do the targets change?"), [{ name: "reason", label: t("Reason"), required: true }], ({ reason }) => goOn(reason), { label });

/** Others have changed goals of the plan since: nothing of theirs is lost without a question. @param {Error} conflict @param {() => void} undoOthers */
const askWhetherToKeep = (conflict, undoOthers) => openDialog(t("Take the plan back"), (close) => [
  h("p", {}, conflict.message),
  h("p.soft", {}, t("Nothing has been taken back yet. These goals keep what they were changed to; the others get their targets from before the plan.")),
  h("div.actions", {}, h("button.primary", { type: "button", onclick: () => { close(); undoOthers(); } }, t("Take back the others")), h("button", { type: "button", onclick: close }, t("Leave the plan")))]);

/** @type {import("../main.js").Screen} */
export async function show(main) {
  const period = chosenPeriod({ kind: "MONTH", offset: 1 });
  document.title = `${t("Plan")} · Scoreline`;
  if (!canForOthers("SET_GOALS")) {
    render(main, empty(t("Targets are set by managers."), toStart()));
    return undefined;
  }
  const wanted = parameter("scope") || viewer().scope.id;
  const key = [wanted, period.kind, period.offset].join(" ");
  if (planned !== key) { plan.targets.clear(); plan.leftOut.clear(); }
  if (!planned && (parameter("base") === "TOTAL" || hasNoPast())) plan.metrics[0].base = "TOTAL"; // of a company without a past
  planned = key;
  const data = await readStart(wanted, period);
  const { company, teams, groups, metrics, funnel } = data;
  const { scope } = funnel;
  useCompany(company);

  /** @type {any} */
  let preview = data.planPreview || null;
  /** How probable the targets are, by owner and metric; null while that is computed. @type {Map<string, number | null> | null} */
  let chances = null;
  /** @type {string} */
  let problem = data.problem || "";
  let busy = false;
  let isWhole = false;
  /** @type {any} */
  let applied = data.activities.edges.map((/** @type {any} */ { node }) => node.subject).find((/** @type {any} */ each) => each?.id && !each.undoneAt && each.scope.id === scope.id && each.period.label === funnel.period.label) || null;
  let number = 0;
  let running = Promise.resolve(); // one preview after the other: the server is busy with each
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;

  /**
   * Read a preview after the one that is being read, and show it, unless another one has been asked for meanwhile.
   * @param {() => Promise<any>} read
   */
  const follow = (read) => {
    const own = (number += 1);
    busy = true;
    draw();
    running = running.then(() => (own === number ? showPreview(own, read) : undefined));
  };
  /** @param {number} own @param {() => Promise<any>} read */
  const showPreview = async (own, read) => {
    try {
      const answer = await read();
      if (own !== number) return;
      [preview, problem] = [answer.planPreview, ""];
      readChances(own);
    } catch (error) {
      if (own !== number) return;
      problem = error instanceof Error && error.message ? error.message : t("The server cannot be reached.");
    }
    busy = false;
    draw();
  };
  /** @param {number} own */
  const readChances = async (own) => {
    chances = null;
    const answer = await query(CHANCES, { input: planInput(plan, scope.id, period) }).catch(() => null); // the targets stand without
    if (own !== number) return;
    const { totals = [], targets = [] } = answer?.planPreview || {};
    chances = new Map([...totals.map((/** @type {any} */ { metric, probability }) => [metric.key, probability]), ...targets.map((/** @type {any} */ { owner, metric, probability }) => [`${owner.id} ${metric.key}`, probability])]);
    draw();
  };
  /** Of a large plan, the rows behind those that are shown. @param {string} metric */
  const readMore = attempt(async (metric) => {
    const own = number;
    const skip = preview.targets.filter((/** @type {any} */ row) => row.metric.key === metric).length;
    const { planPreview: { hash, targets } } = await query(MORE, { input: planInput(plan, scope.id, period), metric, skip });
    if (own !== number) return;
    if (hash !== preview.hash) compute(0);
    else preview = { ...preview, targets: [...preview.targets, ...targets] };
    draw();
  });
  const compute = (seconds = COMPUTE_SECONDS) => {
    clearTimeout(waiting);
    if (lacksTotal()) {
      [busy, problem, number] = [false, t("Enter the total."), number + 1];
      draw();
      return;
    }
    busy = true;
    draw();
    waiting = setTimeout(() => follow(() => query(PREVIEW, { input: planInput(plan, scope.id, period) })), seconds * 1000);
  };

  /** @param {string} [reason] */
  async function apply(reason) {
    busy = true;
    draw();
    try {
      const { plan: done } = await mutate(APPLY, { input: { plan: planInput(plan, scope.id, period), hash: preview.hash, reason, idempotencyKey: newKey() } });
      applied = done;
      plan.targets.clear();
      notify(plural("{count} target set", "{count} targets set", done.goalCount), { tone: "good", action: { label: t("Undo"), run: () => undo(done) } });
    } catch (error) {
      if (lacksReason(error)) askReason(t("Apply"), apply);
      else notify(error instanceof Error ? error.message : String(error), { tone: "bad" });
    }
    compute(0);
  }

  /** @param {any} done @param {{keepChanged?: boolean, reason?: string}} [options] keepChanged: leave what others have changed since */
  async function undo(done, { keepChanged = false, reason } = {}) {
    try {
      await mutate(UNDO, { id: done.id, keepChanged, reason, key: newKey() });
      applied = null;
      notify(keepChanged ? t("The plan was taken back, but for the goals that were changed since.") : t("The plan was taken back."), { tone: "good" });
    } catch (error) {
      if (lacksReason(error)) askReason(t("Take the plan back"), (text) => undo(done, { keepChanged, reason: text }));
      else if (error instanceof Refused && error.code === "CONFLICT") askWhetherToKeep(error, () => undo(done, { keepChanged: true, reason }));
      else notify(error instanceof Error ? error.message : String(error), { tone: "bad" });
    }
    compute(0);
  }

  const copy = async () => {
    const text = tableText(preview.targets.filter((/** @type {any} */ { metric }) => metric.key === plan.metrics[plan.shown].metric));
    await navigator.clipboard.writeText(text).then(() => notify(t("The table is in the clipboard.")), () => notify(t("The browser does not allow to copy here."), { tone: "bad" }));
  };

  const draw = onNextFrame(() => {
    const shown = plan.metrics[plan.shown] || plan.metrics[plan.shown = 0];
    render(main,
      h("div.head", {}, h("h1", {}, t("Plan")), scopePicker({ groups, withCompany: canForAll("SET_GOALS"), selected: scope.id }), periodPicker(period, funnel.period.label)),
      h("div.plan", {},
        h("section.panel.plan-form", {}, h("header", {}, h("h2", {}, t("How the targets come about"))),
          plan.metrics.map((metric, index) => metricForm(metric, metrics, {
            isShown: plan.metrics.length > 1 && metric === shown,
            onChange: () => compute(),
            onShow: () => { plan.shown = index; draw(); },
            onRemove: plan.metrics.length > 1 ? () => { plan.metrics.splice(index, 1); plan.shown = 0; compute(0); } : null,
          })),
          h("div.actions", {}, h("button", { type: "button", disabled: plan.metrics.length >= metrics.length, onclick: () => {
            const next = metrics.find((/** @type {any} */ { key: each }) => !plan.metrics.some(({ metric }) => metric === each));
            plan.metrics.push(newMetric(next.key, next.unit));
            plan.shown = plan.metrics.length - 1;
            compute(0);
          } }, t("Another metric"))),
          h("label.field", {}, t("Newcomers carry, in percent by month since joining"), h("input", { placeholder: "50, 75", value: plan.ramp, oninput: (/** @type {any} */ { target }) => { plan.ramp = target.value; compute(); } }))),
        h("section.panel.plan-result", { "aria-busy": String(busy) },
          h("header", {}, plan.metrics.length > 1
            ? h("div.segments", { role: "group" }, plan.metrics.map((each, index) => h("button", { type: "button", "aria-pressed": String(each === shown), onclick: () => { plan.shown = index; draw(); } }, metrics.find((/** @type {any} */ { key: name }) => name === each.metric)?.name)))
            : h("h2", {}, metrics.find((/** @type {any} */ { key: name }) => name === shown.metric)?.name),
            h("div.actions", {},
              preview ? h("button", { type: "button", onclick: copy }, t("Copy table")) : null,
              plan.targets.size ? h("button", { type: "button", onclick: () => { plan.targets.clear(); compute(0); } }, plural("Clear {count} set by hand", "Clear {count} set by hand", plan.targets.size)) : null,
              applied ? h("button", { type: "button", onclick: () => undo(applied) }, t("Take the plan back")) : null,
              h("button.primary", { type: "button", disabled: busy || Boolean(problem) || !preview?.targetCount, onclick: () => apply() }, preview ? plural("Apply {count} target", "Apply {count} targets", preview.targetCount) : t("Apply")))),
          lacksTotal() ? h("p.soft", {}, problem) : h("p.problem", { role: "alert" }, problem),
          preview ? planTable(preview, { plan, shown, teams, onChange: () => compute(), redraw: draw, count: isWhole ? Infinity : FIRST_ROWS, chances, readMore, stale: Boolean(problem) }) : problem ? null : h("p.soft", {}, t("Computing …")))));
    if (isWhole || !preview) return;
    isWhole = true;
    draw(); // the other rows in a task of their own, so that the first are seen sooner
  });
  draw();
  if (preview) readChances(number);
  if (data.later) follow(() => data.later);
  return () => { clearTimeout(waiting); number += 1; };
}
