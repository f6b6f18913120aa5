// The page: loads the gauge and the taxonomy, then lets the address decide what is shown.

import { onKeyNeeded, request } from "./api.js";
import { Browse } from "./browse.js";
import { crumbLine } from "./cards.js";
import { setClasses, setLevels, startTheme } from "./colours.js";
import { Compare } from "./compare.js";
import { Detail } from "./detail.js";
import { Dial } from "./dial.js";
import { $, $$, debounced, el, plural } from "./dom.js";
import { Gauge, percent } from "./gauge.js";
import { GalleryMap } from "./map.js";
import { incoming, keep, thumbnail } from "./pictures.js";
import { address, amend, current, go } from "./route.js";
import { Search } from "./search.js";

const TITLES = { search: "Search", compare: "Compare", map: "Map", browse: "Browse" };

class Shell {
  constructor(gauge, taxonomy) {
    Object.assign(this, { gauge, taxonomy, go, route: current(), view: null, wanted: null, query: {} });
    this.classButton = (part) => el("button", { type: "button", class: "link", title: part.full, onclick: () => this.toClass(gauge.names[part.m], part.full) }, part.short);
    this.remember = debounced(() => this.amend(), 250);
    this.dial = new Dial(gauge, { onchange: () => this.turned(), onhover: (place) => this.search.hover(place, true) });
    this.detail = new Detail(gauge, {
      actions: (item) => this.actions(item), step: (place) => this.search.step(place), classLink: (scale, name) => this.toClass(scale, name),
    });
    this.search = new Search(this);
    this.compare = new Compare(this);
    this.map = new GalleryMap(this);
    this.browse = new Browse(this);
    addEventListener("hashchange", () => this.follow());
  }

  /** Show what the address says. */
  async follow() {
    this.route = current();
    const { route } = this;
    if ($("#detail").open) $("#detail").close();
    if (this.view !== route.view) this.notice(null);
    this.view = route.view;
    document.title = `${TITLES[route.view]} · dyml`;
    for (const part of $$("main > [data-view]")) part.hidden = part.dataset.view !== route.view;
    this.links();
    this.setDial(route);
    this.frame();
    if (route.view === "search" || (route.view === "map" && (route.id || route.upload))) await this.search.show(route);
    this.wanted = null;
    this.frame();
    if (route.view !== "search") await this[route.view].show(route);
    else this.search.cut();
  }

  setDial(route) {
    const m = this.gauge.names.indexOf(route.scale);
    const t = Number.parseFloat(route.t);
    const value = Number.isFinite(t) ? t : m >= 0 && route.view !== "browse" ? this.dial.start(m) : null;
    this.wanted = value;
    if (value !== null) this.dial.at(value, Math.max(m, 0));
  }

  /** The instrument is there while there is something to measure. */
  frame() {
    const asked = Boolean(this.search.query);
    const shown = this.view === "map" || (this.view === "search" && !$("#found").hidden);
    $("#dial").hidden = !shown;
    $("#dial").classList.toggle("bare", !asked);
    document.documentElement.dataset.view = this.view;
  }

  /** Let the links to the views keep the query, the pair and the scale. */
  links() {
    const { id, upload, a, b } = this.route;
    if (id || upload) this.query = { id, upload };
    else if (this.view === "search") this.query = {};
    const scale = this.view === "browse" ? undefined : this.route.scale; // there it is the class's
    const asked = { ...this.query, scale };
    const parts = { search: asked, map: asked, compare: a || b ? { a, b } : this.compare.pair, browse: {} };
    for (const link of $$("nav [data-view]")) {
      const { view } = link.dataset;
      link.href = address({ view, ...parts[view] });
      if (view === this.view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  turned() {
    this.search.cut();
    if (this.view === "map") this.map.refresh();
    this.remember();
  }

  /** Keep the dial's place in the address, without a step for the back button. */
  amend() {
    if (this.view !== "search" && this.view !== "map") return;
    const mark = this.gauge.marks[this.dial.m];
    const resting = mark !== null && Math.abs(this.dial.value - mark) < 1e-6;
    const t = resting || !this.search.query ? undefined : this.dial.value.toFixed(4).replace(/0+$/, "");
    this.route = { ...this.route, scale: this.dial.scale, t };
    amend(this.route);
    this.links();
  }

  actions(item) {
    const made = [["Search with this", () => go({ view: "search", id: item.id, scale: this.dial.scale }), true]];
    const { id, upload } = this.query;
    if (id || upload) made.push(["Compare with the query", () => go({ view: "compare", a: id ?? `upload:${upload}`, b: item.id })]);
    else made.push(["Compare…", () => this.compare.take(null, { id: item.id })]);
    return made;
  }

  toClass(scale, name) {
    go({ view: "browse", scale, class: name });
  }

  searchFile(file) {
    go({ view: this.view === "map" ? "map" : "search", upload: keep(file), scale: this.dial.scale });
  }

  take(given) {
    if (!given) return;
    if (this.view === "compare") this.compare.take(null, given);
    else if (given.id) go({ view: "search", id: given.id, scale: this.dial.scale });
    else this.searchFile(given.file);
  }

  dropped() {
    $("#dropping").hidden = true;
  }

  announce(words) {
    $("#live").textContent = words;
  }

  busy(on) {
    document.body.classList.toggle("busy", on);
    if (on) this.announce("Working");
  }

  waiting(seconds) {
    this.notice(seconds ? { title: "The service is busy", detail: `Trying again in ${plural(seconds, "second")}.` } : null);
  }

  /** Say what went wrong, or take it back. */
  notice(problem, retry = null) {
    showNotice(problem, retry);
  }

  /** Show a result at the ruler, above its place. */
  peek(result) {
    const peek = $("#peek");
    peek.hidden = !result;
    if (!result) return;
    const share = this.dial.ruler.share(result.similarity);
    peek.style.setProperty("--at", `${100 * share}%`);
    peek.style.setProperty("--lean", share > 0.5 ? "-100%" : "0%");
    const chance = result.probabilities?.[this.dial.scale] ?? this.gauge.probability(this.dial.m, result.similarity);
    peek.replaceChildren(thumbnail(result.id, "thumbnails", true), el("div", {},
      el("b", {}, chance === null ? result.similarity.toFixed(3) : percent(chance)), crumbLine(result.labels, this.gauge.names)));
  }
}

function showNotice(problem, retry) {
  const box = $("#notice");
  box.hidden = !problem;
  if (!problem) {
    box.replaceChildren();
    return;
  }
  box.replaceChildren(el("div", {}, el("strong", {}, problem.title || "Something went wrong"), el("p", {}, sentence(problem.detail || problem.message || "")),
    problem.request && el("p", { class: "soft" }, `Request ${problem.request}`)),
  retry && el("button", { type: "button", class: "quiet", onclick: () => {
    showNotice(null);
    retry();
  } }, "Try again"));
}

function sentence(words) {
  const said = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?…]$/.test(said) || !said ? said : `${said}.`;
}

/** Drop and paste work anywhere on the page. */
function wireIncoming(shell) {
  let depth = 0;
  const dropping = $("#dropping");
  addEventListener("dragenter", (event) => {
    depth += 1;
    const types = event.dataTransfer?.types ?? [];
    if (types.includes("Files")) dropping.hidden = false;
  });
  addEventListener("dragleave", () => {
    depth = Math.max(depth - 1, 0);
    if (!depth) dropping.hidden = true;
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    dropping.hidden = true;
    shell.take(incoming(event.dataTransfer));
  });
  addEventListener("paste", (event) => {
    if (event.target.closest?.("input[type=text], input[type=search], input[type=password], textarea")) return;
    shell.take(incoming(event.clipboardData));
  });
}

function askKey(again) {
  const dialog = $("#key");
  const field = $("input", dialog);
  $("#key-again").hidden = !again;
  field.value = "";
  dialog.showModal();
  return new Promise((done) => {
    $("form", dialog).onsubmit = (event) => {
      event.preventDefault();
      if (!field.value.trim()) return;
      dialog.close();
      done(field.value.trim());
    };
    dialog.oncancel = (event) => event.preventDefault();
  });
}

function facts(gauge) {
  const said = [plural(gauge.count, "picture"), plural(gauge.size, "scale")];
  if (gauge.decibels !== null) said.push(`dynamic range ${gauge.decibels.toFixed(1)} dB`);
  $("#facts").textContent = said.join(" · ");
  $("#no-gauge").hidden = gauge.known;
}

async function start() {
  startTheme();
  onKeyNeeded(askKey);
  $("#skip").addEventListener("click", () => $("#main").focus());
  for (const button of $$("dialog [data-close]")) button.addEventListener("click", () => button.closest("dialog").close(button.dataset.close));
  const waiting = { onwait: (seconds) => showNotice(seconds ? { title: "The service is busy", detail: `Trying again in ${plural(seconds, "second")}.` } : null) };
  try {
    const [said, taxonomy] = await Promise.all([request("/v1/scales", waiting), request("/v1/taxonomy", waiting)]);
    const gauge = new Gauge(said);
    setLevels(gauge.size);
    setClasses(taxonomy.classes);
    facts(gauge);
    const shell = new Shell(gauge, taxonomy);
    wireIncoming(shell);
    $("#main").removeAttribute("aria-busy");
    document.documentElement.dataset.ready = "yes";
    await shell.follow();
  } catch (error) {
    $("#main").removeAttribute("aria-busy");
    showNotice(error, () => location.reload());
    if (!(error.status >= 0)) throw error;
  }
}

start();
