/** What happened, the inbox of alerts, and who is online. */

import { mutate, newKey } from "../core/client.js";
import { h } from "../core/dom.js";
import { ago } from "../core/format.js";
import { gql } from "../core/gql.js";
import { plural, t } from "../core/i18n.js";
import { avatar, empty, link } from "./controls.js";
import { notify } from "./dialog.js";
import { setUnread } from "./frame.js";
import { openDeal } from "./details.js";

export const ALERT_FIELDS = gql`fragment AlertFields on Alert {
  id cursor kind message raisedAt readAt resolvedAt employee { id name }
  subject { __typename ... on Deal { id title status } ... on Task { id } ... on Goal { id } }
}`;
export const ALERTS = gql`subscription Alerts($after: String) { alerts(after: $after) { ...AlertFields } } ${ALERT_FIELDS}`;
export const NEWS_FIELDS = gql`fragment NewsFields on Activity { id cursor kind at summary employee { id name } subject { __typename ... on Goal { owner { __typename id name } } } }`;
const MARK_READ = gql`mutation Read($ids: [ID!], $key: String!) { markAlertsRead(ids: $ids, idempotencyKey: $key) { unreadAlerts userErrors { message } } }`;

/** Kinds of activities that a head of sales wants to hear of. */
export const NEWS_KINDS = ["DEAL_WON", "DEAL_LOST", "DEAL_REOPENED", "DEAL_FLAGGED", "LEAD_CONVERTED", "GOAL_SET", "GOAL_CHANGED", "GOAL_ACHIEVED", "GOAL_ARCHIVED", "PLAN_APPLIED", "PLAN_UNDONE"];

/**
 * Mark alerts as read; null: the whole inbox.
 * @param {string[] | null} ids
 */
export async function markRead(ids) {
  try {
    const { unreadAlerts } = await mutate(MARK_READ, { ids, key: newKey() });
    setUnread(unreadAlerts);
  } catch (error) {
    notify(error instanceof Error ? error.message : String(error), { tone: "bad" });
  }
}

/**
 * @param {any[]} alerts
 * @param {(alert: any) => void} onRead
 */
export function alertList(alerts, onRead) {
  if (!alerts.length) return empty(t("No alerts. Nothing needs you now."));
  return h("ul.list.alerts", {}, alerts.map((alert) => h("li", { "data-key": alert.id, class: alert.readAt ? "read" : null },
    h("span.grow", {}, h("span", {}, alert.message),
      h("span.actions", {}, h("small", {}, ago(alert.raisedAt)), alert.resolvedAt ? h("span.chip.fine", {}, t("settled")) : null,
        alert.subject?.__typename === "Deal" ? h("button.link", { type: "button", onclick: () => openDeal(alert.subject.id) }, t("Deal")) : null,
        alert.employee ? link(`/people/${alert.employee.id}`, h("span.link", {}, alert.employee.name)) : null,
        alert.readAt ? null : h("button.link", { type: "button", onclick: () => onRead(alert) }, t("Mark as read")))))));
}

/** @param {string} kind */
const toneOf = (kind) => ({ DEAL_WON: "good", GOAL_ACHIEVED: "good", LEAD_CONVERTED: "good", DEAL_LOST: "bad", DEAL_FLAGGED: "late" })[kind] || "";

/** @param {any[]} activities */
export const newsList = (activities) =>
  activities.length ? h("ul.list.news", {}, activities.map(({ id, kind, at, summary, employee, subject }) => h("li", { "data-key": id },
    h("i", { class: toneOf(kind) }), h("span.grow", {}, h("span", {}, summary), h("small.line", {}, [employee?.name || subject?.owner?.name, ago(at)].filter(Boolean).join(" · ")))))) : empty(t("Nothing yet."));

/** @param {Map<string, any>} people by id */
export function onlineList(people) {
  const online = [...people.values()].filter((person) => person.online && person.active).sort((one, other) => one.name.localeCompare(other.name));
  return h("div", {},
    h("p.soft", {}, plural("{count} of {all} is online", "{count} of {all} are online", online.length, { all: [...people.values()].filter(({ active }) => active).length })),
    h("div.faces", {}, online.map((person) => h("a", { href: `/people/${person.id}`, "data-go": "", "data-key": person.id, title: person.name, "aria-label": person.name }, avatar(person, true)))));
}
