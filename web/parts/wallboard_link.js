/** A new wallboard: its link as text and as a QR code, shown once. */

import { mutate, newKey } from "../core/client.js";
import { h } from "../core/dom.js";
import { gql } from "../core/gql.js";
import { language, t } from "../core/i18n.js";
import { qrCode } from "./qr_code.js";

const CREATE_DEVICE = gql`mutation CreateDevice($input: CreateDeviceInput!) { createDevice(input: $input) { device { id name } token userErrors { path code message } } }`;

/**
 * Create a device and return its token.
 * @param {{name: string, kind: string, scope?: string | null}} device
 * @returns {Promise<string>}
 */
export const createDevice = async (device) => (await mutate(CREATE_DEVICE, { input: { ...device, idempotencyKey: newKey() } })).token;

/** @param {string} token */
export const wallboardAddress = (token) => `${location.origin}/wallboard${language() === "en" ? "" : `?lang=${language()}`}#token=${token}`;

/** @param {string} token of a wallboard */
export function wallboardLink(token) {
  const address = wallboardAddress(token);
  return h("div.wallboard-link", {},
    qrCode(address, t("QR code of the wallboard's link")),
    h("div.form", {}, h("p", {}, t("Open this link on the screen in the office, or scan it. It is shown only once.")),
      h("input", { readonly: true, value: address, "aria-label": t("Link of the wallboard"), onfocus: (/** @type {any} */ { target }) => target.select() }),
      h("a.link", { href: address, target: "_blank", rel: "noopener" }, t("Open the wallboard"))));
}
