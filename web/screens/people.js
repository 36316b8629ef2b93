/** All people by team, with a search; those online are marked live. */

import { query } from "../core/client.js";
import { h, onNextFrame, render } from "../core/dom.js";
import { gql } from "../core/gql.js";
import { plural, t } from "../core/i18n.js";
import { subscribe } from "../core/socket.js";
import { avatar, empty } from "../parts/controls.js";
import { notify } from "../parts/dialog.js";
import { roleName } from "../parts/frame.js";

const PEOPLE = gql`query People($after: String) {
  employees(first: 100, after: $after) { pageInfo { hasNextPage endCursor } edges { node { id name role online active team { id name } } } }
  teams { id name manager { id } }
}`;
const PRESENCE = gql`subscription PeopleOnline { presence { id name online active } }`;

/** @type {import("../main.js").Screen} */
export async function show(main) {
  let { employees: page, teams } = await query(PEOPLE, { after: null });
  /** @type {any[]} */
  const people = [];
  const byId = new Map();
  let isOver = false;
  const add = () => {
    for (const { node } of page.edges) {
      people.push(node);
      byId.set(node.id, node);
    }
  };
  const readRest = async () => {
    while (page.pageInfo.hasNextPage && !isOver) {
      ({ employees: page } = await query(PEOPLE, { after: page.pageInfo.endCursor }));
      add();
      draw();
    }
  };
  add();
  document.title = `${t("People")} · Scoreline`;
  let search = "";
  const draw = onNextFrame(() => {
    const found = people.filter(({ name }) => name.toLocaleLowerCase().includes(search.trim().toLocaleLowerCase()));
    const groups = [...teams, { id: null, name: t("Without a team") }].map((team) => ({ team, members: found.filter((person) => (person.team?.id || null) === team.id) })).filter(({ members }) => members.length);
    render(main,
      h("div.head", {}, h("h1", {}, t("People")), h("small", {}, plural("{count} is online", "{count} are online", people.filter(({ online }) => online).length)),
        h("label.search", {}, h("span.hidden", {}, t("Search by name")), h("input", { type: "search", placeholder: t("Search by name"), value: search, oninput: (/** @type {any} */ { target }) => { search = target.value; draw(); } }))),
      groups.length ? h("div.people", {}, groups.map(({ team, members }) => h("section.panel", { "data-key": team.id || "none" }, h("header", {}, h("h2", {}, team.name), h("small", {}, members.length)),
        h("ul", {}, members.map((person) => h("li", { "data-key": person.id }, h("a.person", { href: `/people/${person.id}`, "data-go": "" }, avatar(person, person.online),
          h("span.grow", {}, h("span.line", {}, person.name), person.role === "EMPLOYEE" ? null : h("small.line", {}, roleName(person.role)))))))))) : empty(t("Nobody of this name.")));
  });
  draw();
  readRest().catch((error) => notify(error.message || t("The server cannot be reached."), { tone: "bad" }));
  const end = subscribe(PRESENCE, {}, ({ presence }) => {
    const person = byId.get(presence.id);
    if (person) Object.assign(person, presence);
    draw();
  });
  return () => { isOver = true; end(); };
}
