/** Mutations with files, by the GraphQL multipart request specification. */

import { Refused, RequestError } from "./client.js";
import { language } from "./i18n.js";
import { accessToken, Offline } from "./session.js";

/**
 * Execute a mutation whose variable `input.files` are files, and return its payload.
 * @param {string} document
 * @param {File[]} files
 * @param {Record<string, unknown>} input the other fields of the input
 * @returns {Promise<any>}
 */
export async function upload(document, files, input) {
  const form = new FormData();
  form.append("operations", JSON.stringify({ query: document, variables: { input: { ...input, files: files.map(() => null) } } }));
  form.append("map", JSON.stringify(Object.fromEntries(files.map((_, index) => [String(index), [`variables.input.files.${index}`]]))));
  files.forEach((file, index) => form.append(String(index), file, file.name));
  const token = await accessToken();
  let answer;
  try {
    answer = await fetch("/graphql", { method: "POST", body: form, headers: { authorization: `Bearer ${token}`, "accept-language": language(), "graphql-require-preflight": "1" } });
  } catch {
    throw new Offline();
  }
  const body = await answer.json().catch(() => ({ errors: [{ message: answer.statusText, extensions: { code: "UNAVAILABLE" } }] }));
  if (body.errors) throw new RequestError(body.errors[0].extensions.code, body.errors[0].message);
  const [payload] = /** @type {any[]} */ (Object.values(body.data));
  if (payload.userErrors.length) throw new Refused(payload.userErrors);
  return payload;
}
