/** The administration: one page for each subject. */

import { h, render } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { canForAll } from "../core/session.js";
import { empty, notFound, toStart } from "../parts/controls.js";

/** @type {Record<string, () => Promise<{show: (element: HTMLElement) => Promise<(() => void) | void>}>>} */
const PARTS = {
  people: () => import("../admin/people.js"),
  teams: () => import("../admin/teams.js"),
  company: () => import("../admin/company.js"),
  absences: () => import("../admin/absences.js"),
  pipelines: () => import("../admin/pipelines.js"),
  metrics: () => import("../admin/metrics.js"),
  rules: () => import("../admin/rules.js"),
  devices: () => import("../admin/devices.js"),
  imports: () => import("../admin/imports.js"),
};

/** @type {import("../main.js").Screen} */
export async function show(main, [chosen]) {
  if (!canForAll("ADMINISTER")) {
    render(main, empty(t("This page is for administrators."), toStart()));
    return undefined;
  }
  const part = chosen || "people";
  if (!Object.hasOwn(PARTS, part)) {
    document.title = `${t("This page does not exist")} · Scoreline`;
    render(main, notFound());
    return undefined;
  }
  const names = { people: t("People"), teams: t("Teams"), company: t("Company and calendar"), absences: t("Absences"), pipelines: t("Pipelines"), metrics: t("Metrics"), rules: t("Alert rules"), devices: t("Devices"), imports: t("Imports") };
  const body = h("div.admin");
  document.title = `${/** @type {any} */ (names)[part]} · Scoreline`;
  render(main, h("div.head", {}, h("h1", {}, t("Administration"))),
    h("nav.admin-tabs", { "aria-label": t("Administration") }, Object.entries(names).map(([name, text]) => h("a", { href: `/admin/${name}`, "data-go": "", "aria-current": name === part ? "page" : null }, text))),
    body);
  main.querySelector(".admin-tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }); // on a phone the tabs are wider than the screen
  render(body, h("p.loading", {}, t("Loading …")));
  return (await PARTS[part]()).show(body);
}
