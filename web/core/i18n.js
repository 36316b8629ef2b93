/** Texts in the language of the page. A text of the code is English; the server's catalogues have the others. */

const LANGUAGES = /** @type {HTMLMetaElement} */ (document.querySelector("meta[name=languages]")).content.split(" "); // from the server

/** @type {{language: string, texts: Record<string, string | Record<string, string>>, rules: Intl.PluralRules}} */
const state = { language: "en", texts: {}, rules: new Intl.PluralRules("en") };

export const language = () => state.language;
export const languages = () => LANGUAGES;

/** The name of a language in itself. @param {string} code */
export const languageName = (code) => {
  const name = new Intl.DisplayNames([code], { type: "language" }).of(code) || code;
  return name[0].toLocaleUpperCase(code) + name.slice(1);
};

const CHOICE = "scoreline.language"; // of this tab by its address, or of this browser by the menu
const chosen = () => sessionStorage.getItem(CHOICE) || localStorage.getItem(CHOICE);

/** Choose the language by the address, the last choice or the browser, and load its texts. */
export async function loadTexts() {
  const inAddress = new URLSearchParams(location.search).get("lang") || "";
  if (LANGUAGES.includes(inAddress)) sessionStorage.setItem(CHOICE, inAddress); // other screens of the tab keep it
  const wanted = chosen() || navigator.language.slice(0, 2);
  state.language = LANGUAGES.includes(wanted) ? wanted : "en";
  state.rules = new Intl.PluralRules(state.language);
  document.documentElement.lang = state.language;
  if (state.language !== "en") {
    const answer = await fetch(new URL(`../texts/${state.language}.json`, import.meta.url));
    if (answer.ok) state.texts = await answer.json();
  }
}

/** Whether the address or an earlier choice in this browser says the language. */
export const isLanguageChosen = () => chosen() !== null;

/** @param {string} code */
export function chooseLanguage(code) {
  sessionStorage.removeItem(CHOICE);
  localStorage.setItem(CHOICE, code);
  const address = new URL(location.href);
  address.searchParams.delete("lang");
  location.replace(address);
  if (address.href === location.href) location.reload();
}

/**
 * Return a text in the language of the page, with the values in place of `{name}`.
 * @param {string} text
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(text, values = {}) {
  const translated = state.texts[text];
  return place(typeof translated === "string" ? translated : text, values);
}

/**
 * Return the form of a text for a number, which replaces `{count}`.
 * @param {string} one
 * @param {string} many
 * @param {number} count
 * @param {Record<string, string | number>} [values]
 */
export function plural(one, many, count, values = {}) {
  const forms = state.texts[one];
  const rule = state.rules.select(count);
  const text = typeof forms === "object" ? forms[rule] || forms.other : rule === "one" ? one : many;
  return place(text, { count: new Intl.NumberFormat(state.language).format(count), ...values });
}

/** @param {string} text @param {Record<string, string | number>} values */
function place(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
