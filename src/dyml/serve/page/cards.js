// Cards: one element a picture, built once and reused wherever it is shown.

import { classPaint } from "./colours.js";
import { el } from "./dom.js";
import { decimal, percent } from "./gauge.js";
import { thumbnail } from "./pictures.js";

/** The classes of an item as a line, coarse to fine; a class does not repeat the name of the one above. */
export function crumbs(labels, names) {
  const parts = [];
  for (let m = names.length - 1; m >= 0; m -= 1) {
    const said = labels?.[names[m]];
    if (said === undefined || said === null || said === "") continue;
    const above = parts.at(-1)?.full;
    const short = above && said.startsWith(`${above} `) ? said.slice(above.length + 1) : said;
    parts.push({ full: said, short, m });
  }
  return parts;
}

/** The breadcrumb as elements. */
export function crumbLine(labels, names, link = null) {
  const parts = crumbs(labels, names);
  if (!parts.length) return el("span", { class: "crumbs none" }, "no classes");
  return el("span", { class: "crumbs" }, parts.map((part, i) => [
    i > 0 && el("span", { class: "then", "aria-label": "," }, "›"),
    link ? link(part) : el("span", {}, part.short),
  ]));
}

/** A result's card. `show(m)` writes its chance at scale m; it is cheap when nothing changes. */
export class Card {
  constructor(result, place, gauge) {
    Object.assign(this, { result, place, gauge, m: -1 });
    this.chance = el("b", {});
    this.bar = el("i", { class: "level" });
    const parts = crumbs(result.labels, gauge.names);
    const last = parts.pop();
    this.button = el("button", { type: "button", class: "card", tabindex: "-1", "data-place": place, draggable: "true", title: result.id },
      el("span", { class: "frame" }, thumbnail(result.id), this.bar),
      el("span", { class: "figures" }, this.chance,
        el("span", { class: "similarity" }, el("span", { class: "sr" }, "similarity "), decimal(result.similarity, 3))),
      el("span", { class: "name" }, last?.short ?? result.id),
      el("span", { class: "place" }, parts.map((part) => part.short).join(" › ")));
    this.node = el("li", {}, this.button);
  }

  show(m) {
    if (m === this.m) return;
    this.m = m;
    const chance = this.result.probabilities?.[this.gauge.names[m]] ?? this.gauge.probability(m, this.result.similarity);
    this.chance.textContent = chance === null ? "" : percent(chance);
    this.chance.hidden = chance === null;
    this.bar.style.transform = `scaleX(${chance ?? 0})`;
  }
}

/** A card of an item that is no result: picture and names. */
export function itemCard(item, names, onclick) {
  const parts = crumbs(item.labels, names);
  const last = parts.pop();
  return el("li", {}, el("button", { type: "button", class: "card item", onclick, draggable: "true", "data-id": item.id },
    el("span", { class: "frame" }, thumbnail(item.id)),
    el("span", { class: "name" }, last?.short ?? item.id),
    el("span", { class: "place" }, parts.map((part) => part.short).join(" › "))));
}

/** A dot in the colour of a class. */
export const chip = (scale, name) => el("i", { class: "chip", vars: { "--mine": classPaint(scale, name) } });

/** Let arrow keys move between the cards under `host`, so that the whole grid is one stop of the Tab key. */
export function arrowKeys(host) {
  const cards = () => [...host.querySelectorAll(".card")];
  host.addEventListener("keydown", (event) => {
    const here = event.target.closest?.(".card");
    if (!here || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = cards();
    const at = all.indexOf(here);
    const row = (down) => {
      const from = here.getBoundingClientRect();
      const others = down ? all.slice(at + 1) : all.slice(0, at).reverse();
      return others.find((card) => {
        const box = card.getBoundingClientRect();
        return Math.abs(box.top - from.top) > 8 && Math.abs(box.left - from.left) < from.width / 2;
      });
    };
    const next = {
      ArrowRight: () => all[at + 1], ArrowLeft: () => all[at - 1], Home: () => all[0], End: () => all.at(-1),
      ArrowDown: () => row(true), ArrowUp: () => row(false),
    }[event.key]?.();
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  host.addEventListener("focusin", (event) => {
    const card = event.target.closest?.(".card");
    if (!card) return;
    host.querySelectorAll('.card[tabindex="0"]').forEach((other) => { other.tabIndex = -1; });
    card.tabIndex = 0;
  });
  host.addEventListener("dragstart", (event) => {
    const card = event.target.closest?.("[data-id]");
    if (card) event.dataTransfer.setData("text/x-dyml-id", card.dataset.id);
  });
}

/** Make sure that one card can be reached by Tab. */
export function oneStop(host) {
  if (!host.querySelector('.card[tabindex="0"]')) {
    const first = host.querySelector(".card");
    if (first) first.tabIndex = 0;
  }
}
