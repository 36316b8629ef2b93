/** All people by team, with a search; those online are marked live. Of a large company, page by page and team by team. */

import { go, parameter, withParameters } from "../core/address.js";
import { h, onNextFrame, render } from "../core/dom.js";
import { gql } from "../core/gql.js";
import { plural, t } from "../core/i18n.js";
import { subscribe } from "../core/socket.js";
import { avatar, empty } from "../parts/controls.js";
import { roleName } from "../parts/frame.js";
import { moreRows, openPeopleList, searchField } from "../parts/people_list.js";

const PEOPLE = gql`query People($search: String, $team: ID, $after: String) {
  employees(search: $search, team: $team, first: 100, after: $after) { totalCount pageInfo { hasNextPage endCursor } edges { node { id name role online active team { id name } } } }
  teams { id name manager { id } }
}`;
const PRESENCE = gql`subscription PeopleOnline { presence { id name online active } }`;

/** @type {import("../main.js").Screen} */
export async function show(main) {
  const chosen = parameter("team");
  /** @type {() => void} */
  let draw = () => undefined;
  const list = await openPeopleList(PEOPLE, () => draw(), { team: chosen });
  const { teams } = list.answer;
  const isLarge = list.hasMore || chosen !== null; // then a page is not the whole of its teams
  document.title = `${t("People")} · Scoreline`;
  const person = (/** @type {any} */ { id, name, role, online, team }, /** @type {boolean} */ withTeam) => {
    const about = [role === "EMPLOYEE" ? null : roleName(role), withTeam ? team?.name : null].filter(Boolean).join(" · ");
    return h("li", { "data-key": id }, h("a.person", { href: `/people/${id}`, "data-go": "" }, avatar({ id, name }, online), h("span.grow", {}, h("span.line", {}, name), about ? h("small.line", {}, about) : null)));
  };
  const grouped = () => [...teams, { id: null, name: t("Without a team") }].map((team) => ({ team, members: list.rows.filter(({ team: own }) => (own?.id || null) === team.id) })).filter(({ members }) => members.length)
    .map(({ team, members }) => h("section.panel", { "data-key": team.id || "none" }, h("header", {}, h("h2", {}, team.name), h("small", {}, members.length)), h("ul", {}, members.map((each) => person(each, false)))));
  const teamPicker = () => h("label.field.inline", {}, h("span.hidden", {}, t("Team")), h("select", { onchange: (/** @type {any} */ { target }) => go(withParameters({ team: target.value || null })) },
    h("option", { value: "", selected: !chosen }, t("All teams")), teams.map((/** @type {any} */ { id, name }) => h("option", { value: id, selected: id === chosen }, name))));
  draw = onNextFrame(() => render(main,
    h("div.head", {}, h("h1", {}, t("People")),
      list.hasMore || list.search ? null : h("small", {}, plural("{count} is online", "{count} are online", list.rows.filter(({ online }) => online).length)),
      isLarge ? teamPicker() : null, searchField(list)),
    !list.rows.length ? empty(t("Nobody of this name."))
      : list.hasMore || list.rows.length > 100 ? h("section.panel", { "data-key": "all" }, h("ul.people-page", {}, list.rows.map((each) => person(each, true))), moreRows(list))
        : h("div.people", {}, grouped())));
  draw();
  return subscribe(PRESENCE, {}, ({ presence }) => {
    const row = list.rows.find(({ id }) => id === presence.id);
    if (!row) return;
    Object.assign(row, presence);
    draw();
  });
}
