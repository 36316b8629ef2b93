/** Signing in. The server of a demo puts its accounts into the page, to choose from. */

import { h, render } from "../core/dom.js";
import { chooseLanguage, language, languageName, languages, t } from "../core/i18n.js";
import { Offline, signIn } from "../core/session.js";
import { roleName } from "../parts/frame.js";

/**
 * @param {HTMLElement} app
 * @param {() => void} onSignedIn
 */
export function showSignIn(app, onSignedIn) {
  const content = document.querySelector('meta[name="demo-accounts"]')?.getAttribute("content");
  /** @type {{password: string, wallboard: string, accounts: {role: string, email: string}[]} | null} */
  const demo = content ? JSON.parse(content) : null;
  let problem = "";
  let busy = false;

  /** @param {string} email @param {string} password */
  async function enter(email, password) {
    [busy, problem] = [true, ""];
    show();
    try {
      await signIn(email, password);
      onSignedIn();
    } catch (error) {
      [busy, problem] = [false, error instanceof Offline ? t("The server cannot be reached.") : error instanceof Error ? error.message : String(error)];
      show();
    }
  }

  /** @param {SubmitEvent} event */
  function submit(event) {
    event.preventDefault();
    const fields = new FormData(/** @type {HTMLFormElement} */ (event.target));
    enter(String(fields.get("email")), String(fields.get("password")));
  }

  function show() {
    document.title = `${t("Sign in")} · Scoreline`;
    render(app, h("main.welcome", {}, h("div", {},
      h("h1.brand", {}, h("img", { src: new URL("../icon.svg", import.meta.url).href, alt: "" }), "Scoreline"),
      h("form.panel.form", { onsubmit: submit },
        h("label.field", {}, t("E-mail"), h("input", { name: "email", type: "email", autocomplete: "username", required: true, autofocus: true })),
        h("label.field", {}, t("Password"), h("input", { name: "password", type: "password", autocomplete: "current-password", required: true })),
        h("p.problem", { role: "alert" }, problem),
        h("button.primary", { type: "submit", disabled: busy }, t("Sign in"))),
      demo ? h("section.panel", {}, h("header", {}, h("h2", {}, t("Accounts of the demo"))),
        h("div.accounts", {}, demo.accounts.map(({ role, email }) =>
          h("button", { type: "button", disabled: busy, onclick: () => enter(email, demo.password) }, h("strong", {}, roleName(role)), h("small", {}, email))))) : null,
      h("footer", {}, h("a.link", { href: "/password" }, t("Forgot the password?")), demo ? h("a.link", { href: `/wallboard#token=${demo.wallboard}` }, t("Wallboard")) : null,
        languages().filter((code) => code !== language()).map((code) =>
          h("button.link", { type: "button", onclick: () => chooseLanguage(code), lang: code }, languageName(code)))))));
  }

  show();
}
