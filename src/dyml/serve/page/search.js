// Search: ask once for the nearest pictures, then let the dial cut and group them here.

import { request } from "./api.js";
import { arrowKeys, crumbLine, itemCard, oneStop } from "./cards.js";
import { $, debounced, el, plural } from "./dom.js";
import { address, choose, photograph, upload } from "./pictures.js";
import { Results } from "./results.js";
import { sampleItems } from "./samples.js";

const MOST = 1000;

export class Search {
  /** `shell` gives gauge, taxonomy, dial, detail and the page's voice. */
  constructor(shell) {
    this.shell = shell;
    this.results = [];
    this.asked = undefined; // nothing shown yet, not even the start
    this.list = new Results($("#results"), {
      onopen: (place) => shell.detail.open(this.results[place], place),
      onhover: (place) => this.hover(place, false),
    });
    this.list.onmore = () => this.cut();
    const by = $("#by");
    by.append(el("option", { value: "auto" }, "the dial’s scale"), ...shell.gauge.names.map((name) => el("option", { value: `=${name}` }, name)),
      el("option", { value: "" }, "nothing"));
    by.addEventListener("change", () => this.cut());
    document.querySelectorAll("[data-do=choose]").forEach((button) => button.addEventListener("click", async () => this.take(await choose())));
    document.querySelectorAll("[data-do=camera]").forEach((button) => button.addEventListener("click", async () => this.take(await photograph())));
    $("#shuffle").addEventListener("click", () => this.samples());
    $("#clear").addEventListener("click", () => shell.go({ view: "search", scale: shell.dial.scale }));
    arrowKeys($("#samples"));
    this.tell = debounced(() => this.announce(), 500);
  }

  take(file) {
    if (file) this.shell.searchFile(file);
  }

  /** Follow the address. */
  async show(route) {
    const asked = route.id ? `id:${route.id}` : route.upload ? `upload:${route.upload}` : null;
    if (asked === this.asked) return;
    this.asked = asked;
    this.abort?.abort();
    this.shell.busy(false);
    this.shell.notice(null);
    if (!asked) {
      this.set([], null);
      await this.samples();
      return;
    }
    await this.ask(route);
  }

  async ask(route) {
    const kept = route.upload ? upload(route.upload) : null;
    if (route.upload && !kept) {
      this.set([], null);
      this.shell.notice({ title: "That picture is gone", detail: "Uploaded pictures are kept only until the page is closed. Choose it again." });
      return;
    }
    this.abort = new AbortController();
    const { signal } = this.abort;
    this.shell.busy(true);
    this.figure(route, kept);
    $("#start").hidden = true;
    $("#found").hidden = false;
    $("#found").classList.add("waiting");
    try {
      const options = { signal, onwait: (seconds) => this.shell.waiting(seconds) };
      const [said, item] = await Promise.all([
        request("/v1/search", { ...options, ...body(route, kept) }),
        route.id ? request(`/v1/items?id=${encodeURIComponent(route.id)}`, options) : null,
      ]);
      if (signal.aborted) return;
      this.shell.notice(null);
      this.set(said.results.filter((result) => result.id !== route.id), item ?? { labels: {}, name: kept.file.name }, said.results.length >= MOST);
      this.announce();
    } catch (error) {
      if (signal.aborted || error.name === "AbortError") return;
      this.set([], null);
      this.shell.notice(error, () => {
        this.asked = null;
        this.show(route);
      });
    } finally {
      if (!signal.aborted) {
        this.shell.busy(false);
        $("#found").classList.remove("waiting");
      }
    }
  }

  /** Show results of a query, or the start without one. */
  set(results, query, more = false) {
    Object.assign(this, { results, query });
    $("#start").hidden = Boolean(query);
    $("#found").hidden = !query;
    this.shell.frame();
    this.list.set(results, this.shell.gauge, query?.labels);
    const { dial } = this.shell;
    const wanted = dial.value;
    dial.ruler.setResults(results, more && results.length < this.shell.gauge.count);
    dial.at(this.shell.wanted ?? wanted, dial.m);
    if (!query) return;
    $("#asked-name").replaceChildren(query.name ? el("span", { class: "crumbs" }, query.name)
      : crumbLine(query.labels, this.shell.gauge.names, this.shell.classButton));
    this.cut();
  }

  figure(route, kept) {
    const image = $("#asked img");
    image.alt = route.id ? `The query: ${route.id}` : `The query: ${kept.file.name}`;
    if (kept) image.src = kept.url;
    else address(route.id, "thumbnails", (url) => { image.src = url; });
    $("#asked-name").replaceChildren();
  }

  /** Cut and group anew; called at most once a frame while the dial turns. */
  cut() {
    if (!this.query) return;
    const { dial } = this.shell;
    const chosen = $("#by").value;
    const by = chosen === "auto" ? dial.scale : chosen.slice(1) || null;
    const { kept, classes } = this.list.update(dial.value, dial.m, by);
    Object.assign(this, { kept, classes });
    dial.say(kept, this.results.length, classes);
    $("#none").hidden = kept > 0;
    if (kept === 0) this.nothing();
    this.tell();
  }

  nothing() {
    const nearest = this.results[0];
    $("#none p").textContent = nearest ? `Nothing is that similar. The nearest picture is ${nearest.similarity.toFixed(2)} similar.`
      : "The gallery gave no results.";
    const widen = $("#none button");
    widen.hidden = !nearest;
    widen.onclick = () => this.shell.dial.ruler.sweepTo(Math.floor(nearest.similarity * 100) / 100);
  }

  announce() {
    if (!this.query || this.shell.view !== "search") return;
    const groups = this.classes === null || this.kept === 0 ? "" : ` in ${plural(this.classes, "class", "classes")}`;
    this.shell.announce(`${plural(this.kept, "result")}${groups}: ${this.shell.dial.words(this.shell.dial.value)}`);
  }

  /** A result is pointed at, on the ruler or in the grid. */
  hover(place, onRuler) {
    this.shell.dial.ruler.light(place);
    this.list.light(onRuler ? place : null);
    this.shell.peek(onRuler && place !== null ? this.results[place] : null);
  }

  step(place) {
    if (place >= 0 && place < this.results.length) this.shell.detail.open(this.results[place], place);
  }

  async samples() {
    const { gauge, taxonomy } = this.shell;
    $("#empty").hidden = gauge.count > 0;
    $("#try").hidden = gauge.count === 0;
    if (!gauge.count) return;
    const items = await sampleItems(taxonomy, 24).catch(() => []);
    $("#samples").replaceChildren(...items.map((item) =>
      itemCard(item, gauge.names, () => this.shell.go({ view: "search", id: item.id, scale: this.shell.dial.scale }))));
    oneStop($("#samples"));
  }
}

function body(route, kept) {
  if (route.id) return { json: { id: route.id, k: MOST } };
  const form = new FormData();
  form.set("file", kept.file, kept.file.name);
  form.set("k", String(MOST));
  return { form };
}
