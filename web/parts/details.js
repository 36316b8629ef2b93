/** Opens what explains a number or a deal; its module is loaded when it is wanted first. */

/** @param {any} goal */
export const openWhy = async (goal) => (await import("./why.js")).openWhy(goal);

/** @param {string} id */
export const openDeal = async (id) => (await import("./why.js")).openDeal(id);
