/** People as the server gives them: page by page, and searched there, so that a large company costs no more than a small one. */

import { query } from "../core/client.js";
import { h } from "../core/dom.js";
import { number } from "../core/format.js";
import { t } from "../core/i18n.js";
import { attempt } from "./dialog.js";

const SEARCH_SECONDS = 0.25; // after the last keystroke

/**
 * `rows`: what has been read; `answer`: the last one, for what stands in it beside the list.
 * @typedef {{rows: any[], answer: any, total: number, search: string, hasMore: boolean, more: () => Promise<void>, reload: () => Promise<void>, searchFor: (text: string) => void}} PeopleList
 */

/**
 * Read the first page.
 * @param {string} document takes `$search` and `$after`; its `employees` is the list
 * @param {() => void} onChange called after each later answer
 * @param {Record<string, unknown>} [variables]
 * @returns {Promise<PeopleList>}
 */
export async function openPeopleList(document, onChange, variables = {}) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  let reads = 0;
  /** @param {string | null} after */
  const read = async (after) => {
    const own = (reads += 1);
    const answer = await query(document, { ...variables, search: list.search.trim() || null, after });
    if (own !== reads) return; // something else is searched for meanwhile
    const { edges, pageInfo, totalCount } = answer.employees;
    const page = edges.map((/** @type {any} */ { node }) => node);
    Object.assign(list, { rows: after ? [...list.rows, ...page] : page, answer, total: totalCount, hasMore: pageInfo.hasNextPage });
  };
  const readAndShow = attempt(async (/** @type {string | null} */ after) => { await read(after); onChange(); });
  /** @type {PeopleList} */
  const list = {
    rows: [], answer: null, total: 0, search: "", hasMore: false,
    more: () => readAndShow(list.answer.employees.pageInfo.endCursor),
    reload: () => readAndShow(null),
    searchFor: (text) => {
      list.search = text;
      clearTimeout(waiting);
      waiting = setTimeout(list.reload, SEARCH_SECONDS * 1000);
    },
  };
  await read(null);
  return list;
}

/** @param {PeopleList} list */
export const searchField = (list) => h("label.search", {}, h("span.hidden", {}, t("Search by name")),
  h("input", { type: "search", placeholder: t("Search by name"), value: list.search, oninput: (/** @type {any} */ { target }) => list.searchFor(target.value) }));

/** The next page; nothing where all are shown. @param {PeopleList} list */
export const moreRows = (list) => list.hasMore ? h("div.actions.more-rows", {}, h("button", { type: "button", onclick: list.more }, t("Show more")),
  h("small", {}, t("{shown} of {total}", { shown: number(list.rows.length), total: number(list.total) }))) : null;
