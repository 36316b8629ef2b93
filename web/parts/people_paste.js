/** A pasted list of people, read and created: from a spreadsheet, a CSV file or typed by hand. */

import { mutate, newKey } from "../core/client.js";
import { gql } from "../core/gql.js";
import { t } from "../core/i18n.js";

const CREATE_TEAM = gql`mutation CreateTeam($input: CreateTeamInput!) { createTeam(input: $input) { team { id name } userErrors { path code message } } }`;
const CREATE_EMPLOYEE = gql`mutation CreateEmployee($input: CreateEmployeeInput!) { createEmployee(input: $input) { employee { id name } userErrors { path code message } } }`;
const SET_MANAGER = gql`mutation SetManager($input: UpdateTeamInput!) { updateTeam(input: $input) { team { id } userErrors { path code message } } }`;
export const INVITE = gql`mutation Invite($input: InviteEmployeeInput!) { inviteEmployee(input: $input) { employee { id name } link userErrors { path code message } } }`;

/** @typedef {{name: string, email: string, team: string, role: string, problem: string, state: string, link: string}} Row */

/** @type {[RegExp, string][]} */
const ROLES = [[/^(admin|админ)/i, "ADMIN"], [/^(direct|head of|директор)/i, "DIRECTOR"], [/^(manag|lead|руковод|менеджер отдела|рук\.)/i, "MANAGER"], [/^(employee|sell|sales|продав|менеджер)/i, "EMPLOYEE"]];

/**
 * Read one person a line: name and e-mail in any order, then team and role, separated by tabs, semicolons or commas.
 * @param {string} text
 * @returns {Row[]}
 */
export function readPeople(text) {
  /** @type {Set<string>} */
  const emails = new Set();
  return text.split(/\r?\n/).map((line) => line.trim()).filter(Boolean).flatMap((line) => {
    const cells = line.split(line.includes("\t") ? "\t" : line.includes(";") ? ";" : ",").map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
    const email = cells.find((cell) => /^\S+@\S+\.\S+$/.test(cell)) || cells.find((cell) => cell.includes("@")) || "";
    const rest = cells.filter((cell) => cell && cell !== email);
    const roleCell = rest.slice(1).find((cell) => ROLES.some(([pattern]) => pattern.test(cell)));
    const role = ROLES.find(([pattern]) => roleCell && pattern.test(roleCell))?.[1] || "EMPLOYEE";
    const [name = "", team = ""] = rest.filter((cell) => cell !== roleCell);
    if (!email && /^(name|имя|фио)/i.test(name)) return []; // the head of the table
    const problem = !name ? t("The name is missing.") : !email ? t("The e-mail address is missing.") : emails.has(email.toLowerCase()) ? t("This e-mail address is there twice.") : "";
    emails.add(email.toLowerCase());
    return [{ name, email, team, role, problem, state: "", link: "" }];
  });
}

/**
 * Create the teams and people of the list, one after another; each row gets what became of it.
 * @param {Row[]} rows
 * @param {{id: string, name: string}[]} teams that exist; new ones are added
 * @param {() => void} onProgress
 */
export async function createPeople(rows, teams, onProgress) {
  const joinedTeam = (/** @type {string} */ name) => teams.find((team) => team.name.toLocaleLowerCase() === name.toLocaleLowerCase());
  for (const row of rows) {
    if (row.problem || row.state === "done") continue;
    try {
      if (row.team && !joinedTeam(row.team)) teams.push((await mutate(CREATE_TEAM, { input: { name: row.team, idempotencyKey: newKey() } })).team);
      const team = row.team ? joinedTeam(row.team) : undefined;
      const { employee } = await mutate(CREATE_EMPLOYEE, { input: { name: row.name, email: row.email, role: row.role, team: team?.id, joinedOn: null, idempotencyKey: newKey() } });
      if (row.role === "MANAGER" && team) await mutate(SET_MANAGER, { input: { id: team.id, manager: employee.id, idempotencyKey: newKey() } });
      const { link } = await mutate(INVITE, { input: { employee: employee.id, idempotencyKey: newKey() } });
      Object.assign(row, { state: "done", link: link ? new URL(link, location.href).href : "" });
    } catch (error) {
      row.problem = error instanceof Error && error.message ? error.message : t("The server cannot be reached.");
    }
    onProgress();
  }
}
