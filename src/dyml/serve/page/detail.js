// One picture, closely: its classes, and how sure the gauge is at every scale.

import { crumbLine } from "./cards.js";
import { $, el } from "./dom.js";
import { decimal, percent } from "./gauge.js";
import { address } from "./pictures.js";

/** A table of what a similarity means at every scale: rows {m, name, chance, same, own, theirs}. */
export function verdicts(gauge, similarity, rows) {
  const known = rows.some((row) => row.chance !== null);
  return el("table", { class: "verdicts" },
    el("caption", { class: "sr" }, `What a similarity of ${decimal(similarity)} means at every scale`),
    el("thead", {}, el("tr", {}, ["Scale", "Reads as", "Chance"].map((said) => el("th", { scope: "col" }, said)))),
    el("tbody", {}, [...rows].reverse().map((row) => el("tr", { vars: { "--mine": `var(--level${gauge.level(row.m)})` } },
      el("th", { scope: "row" }, el("i", { class: "chip" }), row.name),
      el("td", { class: row.same === null ? "" : row.same ? "yes" : "no" }, row.same === null ? "–" : row.same ? "same" : "different"),
      el("td", { class: "chance" }, known && row.chance !== null
        ? [el("span", { class: "meter" }, el("i", { vars: { "--part": row.chance } })), el("b", {}, percent(row.chance))] : "–")))));
}

/** The rows of `verdicts` from the gauge alone. */
export const readings = (gauge, similarity, chances = null) => gauge.names.map((name, m) => ({
  m, name,
  chance: chances?.[name] ?? gauge.probability(m, similarity),
  same: gauge.marks[m] === null ? null : similarity >= gauge.marks[m] - 1e-9,
}));

export class Detail {
  /** `actions(item)` gives [words, handler] pairs; `step(by)` moves to a neighbouring result. */
  constructor(gauge, { actions, step, classLink }) {
    Object.assign(this, { gauge, actions, step, classLink, dialog: $("#detail") });
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by && this.place !== null) this.step(this.place + by);
    });
  }

  /** Show an item; a result also has a similarity and, in a list, a place. */
  open(item, place = null) {
    this.place = place;
    const image = el("img", { alt: `Picture ${item.id}`, class: "large" });
    image.addEventListener("error", () => image.classList.add("missing"));
    address(item.id, "pictures", (url) => { image.src = url; });
    const facts = Object.entries(item.metadata ?? {});
    const measured = Number.isFinite(item.similarity);
    const link = (part) => el("button", { type: "button", class: "link", title: part.full, onclick: () => {
      this.dialog.close();
      this.classLink(this.gauge.names[part.m], part.full);
    } }, part.short);
    const arrows = place === null ? [] : [
      el("button", { type: "button", class: "quiet round", "aria-label": "Previous result", onclick: () => this.step(place - 1) }, "‹"),
      el("button", { type: "button", class: "quiet round", "aria-label": "Next result", onclick: () => this.step(place + 1) }, "›")];
    $(".body", this.dialog).replaceChildren(
      el("div", { class: "looks" }, image),
      el("div", { class: "facts" },
        el("h2", { id: "detail-title" }, crumbLine(item.labels, this.gauge.names, link)),
        el("p", { class: "soft id" }, item.id),
        measured && el("p", { class: "measure" }, el("b", {}, decimal(item.similarity, 3)), " similar to the query"),
        measured && verdicts(this.gauge, item.similarity, readings(this.gauge, item.similarity, item.probabilities)),
        facts.length > 0 && el("dl", {}, facts.map(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))])),
        el("div", { class: "row" }, this.actions(item).map(([words, handler, main]) =>
          el("button", { type: "button", class: main ? "main" : "quiet", onclick: () => {
            this.dialog.close();
            handler();
          } }, words)), el("span", { class: "push" }), arrows)));
    if (!this.dialog.open) this.dialog.showModal();
  }
}
