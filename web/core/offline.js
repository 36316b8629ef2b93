/** Registers the service worker, which opens the page without a network. */

/** The only address of a script that becomes one from a text, which the page's policy wants to be named. */
function workerAddress() {
  const address = "/service_worker.js";
  const { trustedTypes } = /** @type {any} */ (window);
  if (!trustedTypes) return address;
  return trustedTypes.createPolicy("service-worker", { createScriptURL: () => address }).createScriptURL(address);
}

/** After the first screen has been drawn, as it loads the files of all others. */
export function prepareOffline() {
  if (!("serviceWorker" in navigator)) return; // such as over HTTP in an office network
  const register = () => navigator.serviceWorker.register(workerAddress(), { scope: "/" }).catch(() => undefined); // the page works without it
  setTimeout(register, 3000);
}
