/** Why a number is what it is: how it follows from the ledger's entries, and each of these down to the deal. */

import { query } from "../core/client.js";
import { h } from "../core/dom.js";
import { chance, day, dayAndTime, figure, money, percent } from "../core/format.js";
import { gql } from "../core/gql.js";
import { plural, t } from "../core/i18n.js";
import { goalTitle, link, paceChip } from "./controls.js";
import { bar } from "./charts.js";
import { openDialog } from "./dialog.js";
import { basisText, expectedPercent, fact } from "./facts.js";

const ENTRIES = gql`query Entries($goal: ID!, $after: String) {
  goal(id: $goal) {
    id
    entries(first: 40, after: $after) {
      totalCount pageInfo { hasNextPage endCursor }
      edges { node {
        id effectiveOn late amount employee { id name }
        source { __typename ... on Deal { id title client { name } } ... on Call { id note client { name } } ... on Task { id title } ... on Lead { id title } ... on Client { id name } ... on Contact { id name } ... on Result { id note } }
      } }
    }
    changes { at field before after by { name } }
  }
}`;
const DEAL = gql`query Deal($id: ID!) {
  node(id: $id) { ... on Deal {
    id title status product problem lostReason createdAt closedAt expectedCloseOn winProbability saleKind
    amount { amount currency } cost { amount currency }
    owner { id name } client { name } stage { name }
    activities(first: 20) { edges { node { id at summary actor { name } } } }
  } }
}`;

/** @param {string} field */
const fieldName = (field) => ({ target: t("target"), name: t("name"), recurring: t("recurrence"), archived: t("archived"), pro_rated: t("pro-rating") })[field] || field;

/** @param {any} source */
const sourceName = (source) => (source ? source.title || source.name || source.note || source.client?.name || "" : t("a record that was deleted"));

/** @param {any} goal */
export function openWhy(goal) {
  const { metric, target, progress, period } = goal;
  openDialog(t("Why this number"), (_, update) => {
    /** @type {any[]} */
    const entries = [];
    /** @type {any} */
    let page = null;
    const show = () => [
      h("div", {}, h("h3", {}, `${goal.owner.name} · ${period.label}`), h("p.big", {}, goalTitle(goal))),
      bar({ value: progress.attainmentPercent, expected: expectedPercent(goal), projected: progress.projectedPercent, pace: progress.pace }),
      h("p", {}, t("{value} of {target} is {percent}.", { value: figure(progress.value, metric.unit), target: figure(target, metric.unit), percent: percent(progress.attainmentPercent, 1) }), " ",
        t("An even pace over the working days would have reached {expected} by now.", { expected: figure(progress.expectedByNow, metric.unit) }), " ", paceChip(progress.pace)),
      h("dl.facts", {},
        fact(t("Projection"), figure(progress.projected, metric.unit), basisText(progress.projectionBasis)),
        fact(t("Chance"), chance(progress.attainmentProbability)),
        Number(progress.remaining) > 0 && fact(t("Needed a day"), figure(progress.neededPerWorkday, metric.unit), plural("{count} working day left", "{count} working days left", period.workdaysLeft))),
      h("section", {}, h("h3", {}, page ? plural("The sum of {count} ledger entry", "The sum of {count} ledger entries", page.totalCount) : t("Ledger entries")),
        page ? h("ul.list", {}, entries.map(entryLine)) : h("p.soft", {}, t("Loading …")),
        page && !entries.length ? h("p.soft", {}, t("Nothing has been counted yet, or its parts are not yours to see.")) : null,
        page?.pageInfo.hasNextPage ? h("button", { type: "button", onclick: () => load(page.pageInfo.endCursor) }, t("More")) : null),
      page?.changes.length ? h("section", {}, h("h3", {}, t("Changes of the goal")), h("ul.list", {}, page.changes.map((/** @type {any} */ change) =>
        h("li", {}, h("span.grow", {}, h("span.line", {}, `${fieldName(change.field)}: ${change.before ?? "–"} → ${change.after ?? "–"}`), h("small", {}, [change.by?.name, dayAndTime(change.at)].filter(Boolean).join(" · "))))))) : null,
    ];
    /** @param {any} entry */
    const entryLine = ({ id, effectiveOn, late, amount, employee, source }) => h("li", { "data-key": id },
      h("span.grow", {},
        source?.__typename === "Deal" ? h("button.link.line", { type: "button", onclick: () => openDeal(source.id) }, source.title) : h("span.line", {}, sourceName(source)),
        h("small.line", {}, [day(effectiveOn), employee.name, late ? t("late") : null].filter(Boolean).join(" · "))),
      h("span.amount", { class: Number(amount) < 0 ? "bad" : null }, figure(amount, metric.unit)));
    /** @param {string | null} after */
    async function load(after) {
      const { goal: answer } = await query(ENTRIES, { goal: goal.id, after });
      if (!answer) return;
      entries.push(...answer.entries.edges.map((/** @type {any} */ { node }) => node));
      page = { ...answer.entries, changes: answer.changes };
      update(show());
    }
    load(null).catch((error) => update(show(), h("p.problem", {}, error.message)));
    return show();
  }, { side: true });
}

/** @param {string} status */
export const dealStatus = (status) => ({ OPEN: t("open"), WON: t("won"), LOST: t("lost") })[status] || status;

/** @param {string} id */
export function openDeal(id) {
  openDialog(t("Deal"), (_, update) => {
    query(DEAL, { id }).then(({ node: deal }) => {
      if (!deal) return update(h("p.soft", {}, t("This deal is not yours to see.")));
      update(
        h("div", {}, h("p.big", {}, deal.title), h("p.soft", {}, [deal.client?.name, deal.product].filter(Boolean).join(" · "))),
        h("div.actions", {}, h("span.chip", { class: { WON: "fine", LOST: "danger" }[String(deal.status)] }, dealStatus(deal.status)), h("span.chip", {}, deal.stage.name), deal.problem ? h("span.chip.warn", {}, deal.problem) : null),
        h("dl.facts", {},
          fact(t("Amount"), money(deal.amount?.amount, deal.amount?.currency)),
          fact(t("Owner"), link(`/people/${deal.owner.id}`, deal.owner.name)),
          deal.status === "OPEN" ? fact(t("Chance"), chance(deal.winProbability)) : fact(t("Closed"), dayAndTime(deal.closedAt)),
          deal.lostReason ? fact(t("Reason"), deal.lostReason) : null,
          deal.expectedCloseOn ? fact(t("Expected close"), day(deal.expectedCloseOn)) : null),
        h("section", {}, h("h3", {}, t("History")), h("ul.list", {}, deal.activities.edges.map((/** @type {any} */ { node }) =>
          h("li", { "data-key": node.id }, h("span.grow", {}, h("span", {}, node.summary), h("small.line", {}, [dayAndTime(node.at), node.actor?.name].filter(Boolean).join(" · "))))))));
    }).catch((error) => update(h("p.problem", {}, error.message)));
    return h("p.soft", {}, t("Loading …"));
  }, { side: true });
}
