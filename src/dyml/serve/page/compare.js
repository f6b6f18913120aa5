// Compare: two pictures, one similarity, and what it means at every scale.

import { bytes, request } from "./api.js";
import { crumbLine } from "./cards.js";
import { $, el } from "./dom.js";
import { decimal } from "./gauge.js";
import { address, choose, incoming, keep, path, upload } from "./pictures.js";
import { readings, verdicts } from "./detail.js";
import { Ruler } from "./ruler.js";

export class Compare {
  constructor(shell) {
    this.shell = shell;
    this.pair = {};
    this.slots = { a: $("#slot-a"), b: $("#slot-b") };
    for (const side of ["a", "b"]) this.wire(side, this.slots[side]);
    $("#swap").addEventListener("click", () => {
      const { a, b } = shell.route;
      shell.go({ ...shell.route, a: b, b: a });
    });
  }

  wire(side, slot) {
    $("[data-slot=choose]", slot).addEventListener("click", async () => this.take(side, { file: await choose() }));
    slot.addEventListener("drop", (event) => {
      const given = incoming(event.dataTransfer);
      if (!given) return;
      event.preventDefault();
      event.stopPropagation();
      this.shell.dropped();
      this.take(side, given);
    });
  }

  /** Put a picture into a slot, or into the free one; with both full, begin anew. */
  take(side, { file, id }) {
    if (!file && !id) return;
    const { a, b } = this.pair;
    const value = file ? `upload:${keep(file)}` : id;
    if (side) this.shell.go({ view: "compare", a, b, [side]: value });
    else if (a && !b) this.shell.go({ view: "compare", a, b: value });
    else this.shell.go({ view: "compare", a: value, b: a ? undefined : b });
  }

  async show(route) {
    this.pair = { a: route.a, b: route.b };
    const asked = `${route.a ?? ""}\n${route.b ?? ""}`;
    if (asked === this.asked) return;
    this.asked = asked;
    for (const side of ["a", "b"]) this.fill(this.slots[side], route[side]);
    const parts = [route.a, route.b].map(source);
    $("#verdict").hidden = true;
    if (parts.some((part) => part === null)) return;
    this.shell.notice(null);
    if (parts.some((part) => part.token && !part.kept)) {
      this.shell.notice({ title: "A picture is gone", detail: "Uploaded pictures are kept only until the page is closed. Choose it again." });
      return;
    }
    this.shell.busy(true);
    try {
      const said = await request("/v1/compare", { ...(await body(parts)), onwait: (seconds) => this.shell.waiting(seconds) });
      if (asked === this.asked) this.result(said);
    } catch (error) {
      if (asked !== this.asked) return;
      this.shell.notice(error, () => {
        this.asked = null;
        this.show(route);
      });
    } finally {
      this.shell.busy(false);
    }
  }

  fill(slot, value) {
    const part = source(value);
    const image = $("img", slot);
    slot.classList.toggle("full", Boolean(part));
    image.hidden = !part;
    const words = $(".slot-name", slot);
    words.replaceChildren();
    if (!part) return;
    image.alt = part.id ?? part.kept?.file.name ?? "";
    if (part.kept) {
      image.src = part.kept.url;
      words.textContent = part.kept.file.name;
    } else if (part.id) {
      address(part.id, "thumbnails", (url) => { image.src = url; });
      request(`/v1/items?id=${encodeURIComponent(part.id)}`)
        .then((item) => words.replaceChildren(crumbLine(item.labels, this.shell.gauge.names)))
        .catch(() => { words.textContent = part.id; });
    }
  }

  result(said) {
    const { gauge } = this.shell;
    this.shell.notice(null);
    $("#verdict").hidden = false;
    this.ruler ??= this.newRuler();
    this.ruler.setResults([{ similarity: said.similarity }], false);
    this.ruler.set(said.similarity);
    const stated = Object.fromEntries(said.scales.map((scale) => [scale.name, scale]));
    const rows = readings(gauge, said.similarity).map((row) => ({
      ...row, chance: stated[row.name]?.probability ?? row.chance, same: stated[row.name]?.same ?? row.same,
    }));
    const finest = rows.find((row) => row.same);
    $("#verdict-words").replaceChildren(...(rows.every((row) => row.same === null) ? ["Similarity ", el("b", {}, decimal(said.similarity, 3))]
      : finest ? ["The same ", el("b", { vars: { "--mine": `var(--level${gauge.level(finest.m)})` } }, finest.name)]
        : [el("b", { vars: { "--mine": "var(--level0)" } }, "Different"), " at every scale"]));
    this.ruler.setScale(finest?.m ?? gauge.size - 1);
    $("#verdict-number").textContent = decimal(said.similarity, 3);
    $("#verdict-table").replaceChildren(verdicts(gauge, said.similarity, rows));
    this.shell.announce(`${$("#verdict-words").textContent}, similarity ${decimal(said.similarity)}`);
  }

  newRuler() {
    const ruler = new Ruler($("#verdict-ruler"), { fixed: true });
    ruler.setGauge(this.shell.gauge);
    return ruler;
  }
}

/** What an address says of a slot: {id} | {token, kept} | null. */
function source(value) {
  if (!value) return null;
  if (!value.startsWith("upload:")) return { id: value };
  return { token: value.slice(7), kept: upload(value.slice(7)) };
}

async function body(parts) {
  if (parts.every((part) => part.id)) return { json: { a: { id: parts[0].id }, b: { id: parts[1].id } } };
  const form = new FormData();
  for (const [side, part] of [["a", parts[0]], ["b", parts[1]]]) form.set(side, part.kept ? part.kept.file : await bytes(path(part.id, "pictures")), side);
  return { form };
}
