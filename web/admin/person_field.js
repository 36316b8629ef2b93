/** A field for a person, whom the server finds by a part of the name. */

import { query } from "../core/client.js";
import { h, render } from "../core/dom.js";
import { gql } from "../core/gql.js";
import { t } from "../core/i18n.js";

const FIND = gql`query FindPeople($search: String) { employees(search: $search, first: 12) { edges { node { id name email } } } }`;
const SEARCH_SECONDS = 0.2; // after the last keystroke

/**
 * The hidden input of the given name has the id, or a text that nobody has, which the server refuses.
 * @param {string} name
 * @param {{id: string, name: string} | null} [person]
 */
export function personField(name, person = null) {
  const ids = new Map(person ? [[person.name, person.id]] : []);
  const options = h("datalist", { id: `people-${name}` });
  const chosen = h("input", { type: "hidden", name, value: person?.id || "" });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  const choose = () => { chosen.value = ids.get(input.value.trim()) || input.value.trim(); };
  const find = async () => {
    const answer = await query(FIND, { search: input.value.trim() || null }).catch(() => null); // the next letter asks again
    for (const { node } of answer?.employees.edges || []) ids.set((ids.get(node.name) || node.id) === node.id ? node.name : `${node.name} · ${node.email}`, node.id);
    render(options, [...ids.keys()].map((each) => h("option", { value: each })));
    choose();
  };
  const oninput = () => {
    choose();
    clearTimeout(waiting);
    if (!ids.has(input.value.trim())) waiting = setTimeout(find, SEARCH_SECONDS * 1000);
  };
  const input = h("input", { type: "text", list: options.id, value: person?.name || "", autocomplete: "off", placeholder: t("Search by name"), oninput, onfocus: () => { if (!ids.size) find(); } });
  return [input, options, chosen];
}
