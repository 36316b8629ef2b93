/** The main board: the ranking of the month, the forecast, and the goals, one page of them at a time. */

import { h } from "../core/dom.js";
import { calendarDate, chance, figure, initials, money, percent } from "../core/format.js";
import { t } from "../core/i18n.js";
import { paceName } from "../parts/controls.js";

const KINDS = ["MONTH", "QUARTER", "YEAR", "WEEK", "DAY", "CUSTOM"];
const PAGE_SECONDS = 12;
const LINE_HEIGHT = 7.6; // of a goal, in the size of the text
const narrow = matchMedia("(max-width: 60rem)");

/** Truncated, so that nothing looks reached that is not. @param {number} value of 100 */
export const wholePercent = (value) => percent(Math.floor(value));
/** @param {string | number} value @param {string} unit */
export const whole = (value, unit) => (unit === "MONEY" ? money(Math.trunc(Number(value))) : figure(Math.trunc(Number(value) * 10) / 10, unit));
/** @param {number} value @param {string} [name] of the property */
export const reach = (value, name = "width") => ({ [name]: `${Math.max(0, Math.min(100, value || 0))}%` });

/** @param {{id: string, name: string}} employee */
export const face = ({ id, name }) => h("span.face", { style: { "--hue": [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7) }, "aria-hidden": "true" }, initials(name));

/** A ranked row: what stands before the face, and the value. @param {any} employee @param {any} options */
export const personRow = (employee, { rank, move = null, value, share, won = false, team = true }) =>
  h("li", { "data-key": employee.id, "data-rank": rank, class: won ? "won" : null },
    h("span.rank", {}, rank), move, face(employee), h("span.name", {}, h("span", {}, employee.name), team && employee.team ? h("small", {}, employee.team.name) : null), h("span.value", {}, value), h("div.bar", {}, h("i", { style: reach(share) })));

/** @param {any} state @param {string | undefined} winner whose row is marked */
export function salesBoard(state, winner) {
  return [rankingSection(state.board, winner), h("div.side", { "data-key": "side" }, state.forecast ? forecastSection(state.forecast) : h("section.forecast.coming", { "data-key": "forecast" }), goalsSection(state))];
}

/** @param {any} board @param {string | undefined} winner */
function rankingSection(board, winner) {
  const best = Number(board?.standings[0]?.value || 0);
  const standings = best > 0 ? board.standings : [];
  const hasPrevious = standings.some((/** @type {any} */ { previousRank }) => previousRank !== null); // else nobody had scored before today
  return h("section", { "data-key": "ranking" },
    h("div.head", {}, h("h2", {}, board?.metric.name), h("span", {}, t("▲▼ since the start of the day"))),
    standings.length ? h("ol.rows", {}, standings.map((/** @type {any} */ { rank, previousRank, value, employee }) => {
      const up = previousRank === null ? 0 : previousRank - rank;
      const move = previousRank === null ? (hasPrevious && Number(value) > 0 ? t("new") : "") : up > 0 ? `▲ ${up}` : up < 0 ? `▼ ${-up}` : "–";
      return personRow(employee, { rank, move: h("span.move", { class: up > 0 ? "up" : up < 0 ? "down" : null }, move), value: whole(value, board.metric.unit), share: (100 * Number(value)) / best, won: employee.id === winner });
    })) : h("p.empty", {}, t("No wins yet this month. The first one will appear here.")));
}

/** @param {any} forecast */
function forecastSection({ confidence, booked, expected, low, high, target, attainmentProbability, openPipeline }) {
  const top = Math.max(Number(booked), Number(high), Number(target || 0)) * 1.04 || 1;
  const isKnown = confidence !== "NONE";
  const share = (/** @type {string} */ amount) => (100 * Number(amount)) / top;
  const isReached = target !== null && Number(booked) >= Number(target);
  const fact = (/** @type {string} */ term, /** @type {string} */ value) => h("div", {}, h("dt", {}, term), h("dd", {}, value));
  return h("section.forecast", { "data-key": "forecast" },
    h("div.head", {}, h("h2", {}, t("Forecast for this month")), h("span", {}, confidence === "NONE" ? t("Not enough history for a forecast yet") : confidence === "LOW" ? t("Rough estimate: little history") : "")),
    h("div.bar", {}, h("i", { style: reach(share(booked)) }),
      isKnown ? h("i.band", { style: { ...reach(share(low), "left"), ...reach(share(high) - share(low)) } }) : null,
      isKnown ? h("i.tick", { style: reach(share(expected), "left") }) : null,
      target === null ? null : h("i.tick.flag", { class: share(target) < 12 ? "early" : null, "data-word": t("Target"), style: reach(share(target), "left") })),
    h("dl", {}, fact(t("Won so far"), whole(booked, "MONEY")),
      isKnown ? fact(t("│ Expected at month end"), whole(expected, "MONEY"))
        : openPipeline ? fact(t("Open pipeline, not a forecast"), whole(openPipeline.amount, "MONEY")) : null,
      target === null ? null : fact(t("Target"), `${isReached ? "✓ " : ""}${whole(target, "MONEY")}`),
      target === null || isReached || attainmentProbability === null ? null : fact(t("Chance to reach the target"), chance(attainmentProbability))),
    isKnown && Number(low) < Number(high) ? h("p", {}, `${t("▨ 80% interval:")} ${whole(low, "MONEY")} – ${whole(high, "MONEY")}`) : openPipeline ? h("p", {}, `${t("open deals:")} ${openPipeline.deals}`) : null);
}

/** Goals that still run: those of the scope first, then those of its groups and people. @param {any} state @returns {any[]} */
export function runningGoals({ goals, scope }) {
  const all = [...goals.values()];
  // The server does not withdraw a goal whose period is over. The current day is that of the server's clock.
  const newest = all.reduce((last, { progress }) => (progress.asOf > last ? progress.asOf : last), "1970-01-01T00:00:00Z");
  const today = calendarDate(newest);
  const order = (/** @type {any} */ { owner, period, metric }) => [owner.id === scope.id ? 0 : owner.__typename === "Employee" ? 2 : 1, KINDS.indexOf(period.kind), metric.unit === "MONEY" ? 0 : 1].join(" ");
  return all.filter(({ period }) => period.end >= today).sort((one, other) => order(one).localeCompare(order(other)) || one.metric.key.localeCompare(other.metric.key) || one.owner.name.localeCompare(other.owner.name));
}

/** @param {any} state */
function goalsSection(state) {
  const all = runningGoals(state);
  const height = (document.querySelector(".cards")?.clientHeight || 0) / Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const lines = Math.max(1, Math.floor((height || 26) / LINE_HEIGHT));
  const size = narrow.matches ? all.length || 1 : lines * 2;
  const pages = Math.ceil(all.length / size);
  const page = pages ? Math.floor(performance.now() / 1000 / PAGE_SECONDS) % pages : 0;
  return h("section.goals", { "data-key": "goals" },
    h("div.head", {}, h("h2", {}, t("Goals")), h("span", {}, t("│ even pace · → projected")), pages > 1 ? h("span", {}, `${page + 1} / ${pages}`) : null),
    all.length ? h("div.cards", { style: narrow.matches ? {} : { "grid-template-rows": `repeat(${lines}, minmax(0, 1fr))` } }, all.slice(page * size, (page + 1) * size).map((goal) => goalCard(goal, state.scope))) : h("p.empty", {}, t("There are no current goals.")));
}

/** @param {any} goal @returns {string} a default name (metric and period) is in the language of its author, so it is written anew */
const goalName = ({ name, metric, period }) => {
  const [year] = period.label.match(/\d{4}/) || ["?"];
  return name.includes(",") && name.split(",").pop().includes(year) ? metric.name : name;
};

/**
 * The bar of a goal, to its stretch if it has one, with its tiers, an even pace and the projection.
 * @param {any} goal @param {number} [scale] how much further it reaches
 */
export function goalBar({ target, threshold, stretch, progress }, scale = 1) {
  const end = Number(stretch ?? target) * scale; // of the bar
  const share = (/** @type {number} */ amount) => (100 * amount) / end;
  return h("div.bar", {},
    progress.projectedPercent ? h("i.ahead", { "data-key": "ahead", style: reach(share((progress.projectedPercent * Number(target)) / 100)) }) : null,
    h("i", { "data-key": "reached", style: reach(share((progress.attainmentPercent * Number(target)) / 100)) }),
    h("i.mark", { "data-key": "mark", style: reach(share(Number(progress.expectedByNow)), "left") }),
    [threshold, (stretch || scale > 1) && target, scale > 1 && stretch].filter(Boolean).map((amount) => h("i.tier", { "data-key": `tier ${amount}`, style: reach(share(Number(amount)), "left") })));
}

/** @param {string} tier */
export const tierName = (tier) => ({ THRESHOLD: t("Threshold"), STRETCH: t("Stretch") })[tier] || "";
/** @param {any} goal */
const paceText = ({ tier, progress }) => [tierName(tier), paceName(progress.pace)].filter(Boolean).join(" · ");

/** @param {any} goal @param {any} scope */
function goalCard(goal, scope) {
  const { id, target, owner, metric, period, progress } = goal;
  const own = owner.id === scope.id;
  return h("article.goal", { "data-key": id, "data-pace": progress.pace },
    h("b", {}, own ? goalName(goal) : owner.name), h("span.about", {}, own ? period.label : `${goalName(goal)} · ${period.label}`), goalBar(goal),
    h("div", {}, h("span.percent", {}, wholePercent(progress.attainmentPercent)), h("span.pace", {}, paceText(goal))),
    h("div.about", {}, h("span", {}, t("{value} of {target}", { value: whole(progress.value, metric.unit), target: whole(target, metric.unit) })), h("span", {}, progress.projectedPercent === undefined ? "" : `→ ${wholePercent(progress.projectedPercent)}`)));
}
