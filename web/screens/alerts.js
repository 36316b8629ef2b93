/** The inbox of alerts: new ones arrive by themselves. */

import { query } from "../core/client.js";
import { h, onNextFrame, render } from "../core/dom.js";
import { gql } from "../core/gql.js";
import { t } from "../core/i18n.js";
import { subscribe } from "../core/socket.js";
import { button } from "../parts/controls.js";
import { ALERT_FIELDS, ALERTS, alertList, markRead } from "../parts/feed.js";
import { unreadCount } from "../parts/frame.js";

const INBOX = gql`query Inbox($after: String) {
  alerts(first: 50, after: $after) { pageInfo { hasNextPage endCursor } edges { node { ...AlertFields } } }
}
${ALERT_FIELDS}`;

/** @type {import("../main.js").Screen} */
export async function show(main) {
  /** @type {any[]} */
  let alerts = [];
  /** @type {any} */
  let page = null;
  const draw = onNextFrame(() => render(main,
    h("div.head", {}, h("h1", {}, t("Alerts")), unreadCount() ? button(t("Mark all as read"), async () => { await markRead(null); setReadAll(); }) : null),
    h("section.panel.inbox", {}, alertList(alerts, async (alert) => { await markRead([alert.id]); alert.readAt = new Date().toISOString(); draw(); }),
      page?.hasNextPage ? button(t("More"), () => load(page.endCursor)) : null)));
  const setReadAll = () => { for (const alert of alerts) alert.readAt ||= new Date().toISOString(); draw(); };
  /** @param {string | null} after */
  async function load(after) {
    const { alerts: answer } = await query(INBOX, { after });
    alerts = [...alerts, ...answer.edges.map((/** @type {any} */ { node }) => node)];
    page = answer.pageInfo;
    draw();
  }
  document.title = `${t("Alerts")} · Scoreline`;
  await load(null);
  return subscribe(ALERTS, () => ({ after: alerts[0]?.cursor || null }), ({ alerts: alert }) => {
    if (alerts.some(({ id }) => id === alert.id)) return;
    alerts = [alert, ...alerts];
    draw();
  });
}
