// Colours: levels from cold (the finest scale shared) to warm (nothing shared); classes by how common they are.
// The same numbers as the reports' palette.

import { $ } from "./dom.js";

const RAMP = { light: ["#1d5fc4", "#1f9e95", "#c98300"], dark: ["#6aa5ff", "#4fcdbb", "#f0b84a"] };
const NOTHING = { light: "#b0305c", dark: "#f0527f" };
const CLASSES = {
  light: ["#2f6fb3", "#c8471d", "#24803f", "#8a4fa8", "#8f6d00", "#0f7f8c", "#b8407e", "#6b5b4b"],
  dark: ["#6fa9e6", "#f08a63", "#62bd80", "#bb8ad4", "#dcb43c", "#55c3cf", "#e07fb2", "#b3a08c"],
};
const THEME = "dyml-theme";
const ranks = new Map(); // scale -> class -> place by count
const listeners = new Set();

const stored = () => {
  try {
    return localStorage.getItem(THEME);
  } catch {
    return null;
  }
};
const system = matchMedia("(prefers-color-scheme: dark)");

export const theme = () => document.documentElement.dataset.theme || (system.matches ? "dark" : "light");
export const onTheme = (work) => listeners.add(work);

/** Follow the system until the reader chooses. */
export function startTheme() {
  if (["light", "dark"].includes(stored())) document.documentElement.dataset.theme = stored();
  const tell = () => {
    const dark = theme() === "dark";
    $("#theme").setAttribute("aria-pressed", String(dark));
    listeners.forEach((work) => work());
  };
  system.addEventListener("change", tell);
  $("#theme").addEventListener("click", () => {
    const next = theme() === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem(THEME, next);
    } catch { /* private windows may refuse: the choice then lasts until the page closes */ }
    tell();
  });
  tell();
}

/** Set --level0 … --levelL on the page. */
export function setLevels(size) {
  const root = document.documentElement.style;
  root.setProperty("--level0", `light-dark(${NOTHING.light}, ${NOTHING.dark})`);
  for (let m = 0; m < size; m += 1) {
    root.setProperty(`--level${size - m}`, `light-dark(${ramp("light", m, size)}, ${ramp("dark", m, size)})`);
  }
}

/** Rank the classes of every scale by how common they are. */
export function setClasses(classes) {
  for (const [scale, rows] of Object.entries(classes)) {
    const sorted = [...rows].sort((a, b) => b.count - a.count);
    ranks.set(scale, new Map(sorted.map((row, place) => [row.name, place])));
  }
}

/** The colour of a level in the present theme, for canvases. */
export const levelColour = (level, size) => (level === 0 ? NOTHING[theme()] : ramp(theme(), size - level, size));

/** The colour of a class in a theme: the palette for the most common, then hues by the golden angle. */
export function classColour(scale, name, mode = theme()) {
  const place = ranks.get(scale)?.get(name);
  if (place === undefined) return mode === "dark" ? "#7b838d" : "#8b929b";
  if (place < CLASSES[mode].length) return CLASSES[mode][place];
  const hue = Math.round((25 + place * 137.508) % 360);
  const light = mode === "dark" ? [68, 60, 76][place % 3] : [40, 48, 34][place % 3];
  return `hsl(${hue} ${mode === "dark" ? 58 : 56}% ${light}%)`;
}

/** The same as a CSS value that follows the theme. */
export const classPaint = (scale, name) =>
  `light-dark(${classColour(scale, name, "light")}, ${classColour(scale, name, "dark")})`;

/** A colour variable of the page in the present theme, such as "ink". */
export function pageColour(name) {
  const probe = $("#probe");
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

function ramp(mode, m, size) {
  const anchors = RAMP[mode].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  const where = size === 1 ? 0 : (m / (size - 1)) * 2;
  const below = Math.min(Math.floor(where), 1);
  const mixed = anchors[below].map((low, i) => Math.round(low + (anchors[below + 1][i] - low) * (where - below)));
  return `#${mixed.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}
