// The address: everything that can be linked to lives after the #.

const NAMES = ["view", "id", "upload", "scale", "t", "a", "b", "class"];
const VIEWS = ["search", "compare", "map", "browse"];

/** Read the address: {view, id?, scale?, t?, …}. */
export function current() {
  const said = new URLSearchParams(location.hash.slice(1));
  const route = {};
  for (const name of NAMES) if (said.get(name)) route[name] = said.get(name);
  if (!VIEWS.includes(route.view)) route.view = "search";
  return route;
}

/** Write a route as an address. */
export function address(route) {
  const said = new URLSearchParams();
  for (const name of NAMES) {
    const value = route[name];
    if (value !== undefined && value !== null && value !== "" && !(name === "view" && value === "search")) {
      said.set(name, value);
    }
  }
  return `#${said}`;
}

/** Go somewhere, leaving a step for the back button. */
export function go(route) {
  const next = address(route);
  if (next === location.hash || (next === "#" && !location.hash)) return;
  history.pushState(null, "", next);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** Correct the address without a step. */
export const amend = (route) => history.replaceState(null, "", address(route));
