/** The first day of a new installation: the company, its people and teams, the first targets, and the wallboard. */

import { query } from "../core/client.js";
import { h, onNextFrame, render } from "../core/dom.js";
import { gql } from "../core/gql.js";
import { plural, t } from "../core/i18n.js";
import { canForAll } from "../core/session.js";
import { button, empty, link, toStart } from "../parts/controls.js";
import { COMPANY_FIELDS, companyForm } from "../parts/company_form.js";
import { notify } from "../parts/dialog.js";
import { roleName } from "../parts/frame.js";
import { createPeople, readPeople } from "../parts/people_paste.js";
import { createDevice, wallboardLink } from "../parts/wallboard_link.js";

const STATE = gql`query SetupState {
  company { ...CompanyFields goals { id } }
  teams { id name }
  employees(first: 1) { totalCount }
  devices { id kind revokedAt }
}
${COMPANY_FIELDS}`;

/** @type {import("../main.js").Screen} */
export async function show(main) {
  if (!canForAll("ADMINISTER")) {
    render(main, empty(t("The first day is for administrators."), toStart()));
    return undefined;
  }
  let { company, teams, employees, devices } = await query(STATE);
  document.title = `${t("First day")} · Scoreline`;
  let saved = false;
  let text = "";
  /** @type {import("../parts/people_paste.js").Row[]} */
  let rows = [];
  let creating = false;
  let token = "";
  const draw = onNextFrame(drawAll);

  function drawAll() {
    const created = rows.filter(({ state }) => state === "done");
    const ready = rows.filter(({ problem, state }) => !problem && !state);
    const hasPeople = employees.totalCount > 1 || created.length > 0;
    const hasWallboard = Boolean(token) || devices.some((/** @type {any} */ { kind, revokedAt }) => kind === "WALLBOARD" && !revokedAt);
    /** @param {number} number @param {string} title @param {boolean} done @param {any[]} content */
    const step = (number, title, done, ...content) => h("section.panel.step", { "data-key": title }, h("header", {}, h("h2", {}, h("span.number", { class: done ? "done" : null, "aria-hidden": "true" }, done ? "✓" : number), title), done ? h("span.chip.fine", {}, t("done")) : null), ...content);
    render(main,
      h("div.head", {}, h("h1", {}, t("First day")), h("small", {}, t("Four steps, about ten minutes. Everything can be changed later."))),
      h("div.steps", {},
        step(1, t("The company"), saved || hasPeople, companyPanel),
        step(2, t("People and teams"), hasPeople,
          h("p.soft", {}, t("Paste one person a line: name, e-mail, team, role. From a spreadsheet, a CSV file, or typed. Teams are created as they are named.")),
          h("textarea", { rows: 7, spellcheck: "false", "aria-label": t("List of people"), placeholder: t("Ann Berg; ann@example.com; North; manager\nBo Lind; bo@example.com; North"), value: text, oninput: (/** @type {any} */ { target }) => { text = target.value; rows = readPeople(text); draw(); } }),
          rows.length ? h("div.scroll", {}, h("table.rows", {}, h("thead", {}, h("tr", {}, [t("Full name"), t("E-mail"), t("Team"), t("Role")].map((each) => h("th", {}, each)), h("td"))),
            h("tbody", {}, rows.map((row) => h("tr", {}, h("td", {}, row.name), h("td", {}, row.email), h("td", {}, row.team), h("td", {}, roleName(row.role)),
              h("td", {}, row.problem ? h("small.bad", {}, row.problem) : row.state ? h("span.chip.fine", {}, row.link ? t("created") : t("invited by mail")) : null)))))) : null,
          h("div.actions", {},
            h("button.primary", { type: "button", disabled: creating || !ready.length, onclick: create }, creating ? t("Creating …") : !ready.length ? t("Create people") : plural("Create {count} person", "Create {count} people", ready.length)),
            created.some(({ link: each }) => each) ? button(t("Copy the links to set passwords"), copyLinks) : null)),
        step(3, t("The first targets"), company.goals.length > 0,
          h("p.soft", {}, t("Give a total for the next month, and it is split among the people; every target can be changed in the table.")),
          h("div.actions", {}, link("/plan?base=TOTAL", h("span.button.primary", {}, t("Open the plan"))))),
        step(4, t("The screen in the office"), hasWallboard,
          h("p.soft", {}, t("A link for a television or a tablet. It signs in by itself, shows the ranking, the forecast and the goals, and can be revoked at any time.")),
          token ? wallboardLink(token) : h("div.actions", {}, button(t("Create a wallboard"), addWallboard, { class: "primary" })))));
  }

  const companyPanel = companyForm(company, (after) => { company = { ...company, ...after }; saved = true; notify(t("Saved"), { tone: "good" }); draw(); });

  async function create() {
    creating = true;
    draw();
    await createPeople(rows, teams, draw);
    creating = false;
    draw();
  }
  async function copyLinks() {
    const lines = rows.filter(({ link: each }) => each).map(({ name, email, link: each }) => [name, email, each].join("\t")).join("\n");
    await navigator.clipboard.writeText(lines).then(() => notify(t("The links are in the clipboard. Each works once, for 7 days.")), () => notify(t("The browser does not allow to copy here."), { tone: "bad" }));
  }
  async function addWallboard() {
    try {
      token = await createDevice({ name: t("Office"), kind: "WALLBOARD" });
    } catch (error) {
      notify(error instanceof Error ? error.message : String(error), { tone: "bad" });
    }
    draw();
  }
  draw();
  return undefined;
}
