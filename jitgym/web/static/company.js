/** A company to run: its start page, its periods, and the case with its tasks. */

import { Decisions } from "./company_cards.js";
import { Curves, Timeline, exact, money, said, when } from "./company_charts.js";
import { ending } from "./company_end.js";
import { glossary, report } from "./company_report.js";
import { meant } from "./dialog.js";
import { count, html } from "./words.js";

const LOOKS = ["you", "earlier", "never", "technique", "phased"];
const WAIT = 400;

/** How somebody is drawn: rules that run beside everybody have a look of their own, others take turns. */
function lookOf(name, k) {
  if (name === "your last try") return "earlier";
  return LOOKS.includes(name) ? name : `other${k % 3}`;
}

/** One student's company. */
export class Firm {
  /**
   * @param firm what the server tells of it.
   * @param app what the page lends: `ask`, `catalogue`.
   */
  constructor(firm, app) {
    this.firm = firm;
    this.app = app;
    this.rows = [];
    this.meanwhile = new Set(); // levers that were set while the server was busy
    this.told = null; // what the server was told last
    this.decisions = new Decisions(firm, (lever) => this._changed(lever));
    this.timeline = new Timeline(firm);
    this.charts = [
      [new Curves("Economic profit so far", money, firm.per_year), (rows) => sums(rows.map(({ profit }) => profit)), "Economic profit so far"],
      [new Curves("Working capital", money, firm.per_year), (rows) => rows.map(({ capital }) => capital), "Working capital"],
      [new Curves("Capability as audited", (value) => value.toFixed(1), firm.per_year, { least: 0, most: 1 }), (rows) => rows.map(({ audit }) => audit), "Capability as audited, mean of all lines"],
      [new Curves("Fill rate", (value) => `${Math.round(value * 100)} %`, firm.per_year, { least: 0.6, most: 1 }), (rows) => smoothed(rows.map(({ fill }) => fill)), "Fill rate, mean of half a year"],
    ];
    this._build();
    this.take(firm.state, Math.max(0, firm.state.period - firm.per_year));
    this.decisions.set(firm.state.desired);
    this._refresh();
  }

  _build() {
    const { firm } = this;
    const year = firm.per_year;
    const quarter = Math.max(1, Math.round(year / 4));
    const button = (text, label, key, act, main) => html("button", { class: main ? "main" : "", onclick: act, "aria-label": label, title: `${label} (${key})` }, text);
    this.buttons = [
      button("1 period ▸", "Let one period pass", "arrow right", () => this.pass(1), true),
      button("1 quarter ▸▸", `Let a quarter pass, ${quarter} periods`, "q", () => this.pass(quarter)),
      button("1 year ▸▸▸", `Let a year pass, ${year} periods`, "y", () => this.pass(year)),
      button("to the end", "Let all periods pass to the end", "Shift+E", () => this.pass(this.end)),
    ];
    this.quarter = quarter;
    this.stop = html("input", { type: "checkbox", checked: true });
    this.status = html("strong", { class: "co-when" });
    this.cost = html("p", { class: "co-cost", role: "status" });
    this.meter = html("progress", { max: 1, value: 0, "aria-label": "share of the money there that the decisions ask for" });
    this.back = html("select", { "aria-label": "go back and decide again from" });
    this.news = html("div", { class: "co-news", "aria-live": "polite" });
    this.archive = html("div", {});
    this.tiles = html("dl", { class: "co-tiles" });
    this.key = html("ul", { class: "legend who" });
    this.end_box = html("section", { class: "co-end", "aria-label": "How it ended", hidden: true });
    this.table = html("a", { class: "button", role: "link", download: "company.csv" }, "Save as table");
    this.report = html("details", { class: "co-report", open: firm.state.period === 0 }, html("summary", {}, "The consultants' report"), report(firm));
    const name = html("input", { maxlength: 40, size: 12, value: firm.state.player, onchange: () => this.tell({ do: "name", name: name.value }) });
    this.element = html("div", { class: "company" },
      this.bar = html("div", { class: "co-bar", role: "group", "aria-label": "Time and money" },
        html("div", { class: "bar" }, this.status, this.buttons, html("label", {}, this.stop, " stop at bad luck")),
        html("div", { class: "co-money" }, this.meter, this.cost)),
      this.end_box,
      this.report,
      html("details", { class: "co-report co-words" }, html("summary", {}, "Words, and how figures are worked out"), glossary(firm)),
      html("div", { class: "co-top" }, html("section", { "aria-label": "News" }, html("h2", {}, "News"), this.news), html("section", { "aria-label": "The company" }, html("h2", {}, "The company"), this.tiles)),
      html("h2", {}, "Lines and suppliers: figures and decisions"),
      html("p", { class: "note" }, "Decisions stay as they are until you change them; roll-out orders count once. An arrow says how a figure stands against its mean before. An audit errs by the width of its band, as a rule."),
      firm.yours ? html("p", { class: "note" }, `In this task you decide on ${firm.yours.map(said).join(", ")}; ${firm.predecessor} goes on deciding the rest.`) : null,
      this.decisions.element,
      html("h2", {}, "You and the others, under the same luck"),
      this.key,
      html("div", { class: "co-charts" }, this.charts.map(([curves, , caption]) => html("figure", {}, html("figcaption", {}, caption), curves.element))),
      html("figure", { class: "wide" }, html("figcaption", {}, "Roll-out: stages under pull, line by line"), html("div", { class: "scroll" }, this.timeline.element), this.timeline.legend),
      html("details", { class: "co-archive" }, html("summary", {}, "All news so far"), this.archive),
      html("div", { class: "bar" },
        html("label", {}, "Your name ", name),
        html("label", {}, "Decide again from ", this.back),
        html("button", { onclick: () => this._goBack() }, "Go back"),
        html("button", { onclick: () => this.again(), title: "Shift+R" }, "Begin again, same luck"),
        html("button", { onclick: () => this.again(true), title: "Shift+L" }, "Begin again, other luck"),
        this.table,
        html("button", { onclick: () => window.print() }, "Print"),
        html("span", { class: "status" }, this.luck = html("span", {}))));
  }

  get end() {
    return this.firm.end;
  }

  get now() {
    return this.rows.at(-1) ?? this.start;
  }

  /** Leave; what was set last is not lost. */
  close() {
    clearTimeout(this.waiting);
    this.closed = true;
    if (this.saving) this._save();
  }

  // -- talking to the server --

  get _path() {
    return `/api/company/${this.firm.key}?since=${this.rows.length}&tries=${this.tries}`;
  }

  async pass(periods) {
    if (this.busy || this.rows.length >= this.end) return;
    const before = this.rows.length;
    await this.command({ do: "run", periods: Math.min(periods, this.end), decisions: this.decisions.values, stop: this.stop.checked && periods > 1 && periods < this.end }, true);
    if (before === 0) this.report.open = false;
  }

  /** Begin anew; whoever has played is asked first. */
  async again(otherLuck = false) {
    const played = this.rows.length - this.firm.taken_over;
    const lost = otherLuck ? "Under other luck they are gone, and can be compared with nothing" : "You cannot go on with them afterwards";
    if (this.busy || (played > 0 && !(await meant(`Begin again? You have played ${count(played, "period")}. ${lost}.`, "Begin again")))) return;
    await this.command({ do: "again", ...(otherLuck ? { seed: Math.floor(Math.random() * 1e6) } : {}) }, true);
  }

  /** Send a command and show what comes of it; `set`: with the decisions as the server has them then. */
  async command(sent, set = false) {
    if (this.busy) return;
    clearTimeout(this.saving);
    this.saving = null;
    this._busy(true);
    await this.told; // or it might be heard after the command
    const before = this.tries === undefined ? 0 : this.rows.length;
    const state = await this.app.ask(this._path, sent);
    this._busy(false);
    if (this.closed) return;
    if (state) {
      const other = state.tries !== this.tries;
      this.take(state, other ? Math.max(0, state.period - 1) : before);
      if (set) this.decisions.set(state.desired, this.meanwhile);
      this._refresh();
    }
    if (this.meanwhile.size) this._changed();
    this.meanwhile.clear();
  }

  /** Tell the server something that changes nothing on the page. */
  tell(sent, leaving = false) {
    return (this.told = this.app.ask(this._path, sent, leaving));
  }

  _busy(on) {
    this.busy = on;
    this.element.classList.toggle("busy", on);
    this._lock();
  }

  /** Show that time cannot pass now; a disabled button would lose the focus. */
  _lock() {
    this.buttons.forEach((button) => button.setAttribute("aria-disabled", this.busy || this.rows.length >= this.end));
  }

  _changed(lever) {
    this._tellCost();
    if (this.busy) return void this.meanwhile.add(lever);
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this._save(), WAIT);
  }

  _save(leaving = false) {
    clearTimeout(this.saving);
    this.saving = null;
    return this.tell({ do: "decide", decisions: this.decisions.values }, leaving);
  }

  /** Send at once what was set last: the page may go away. */
  flush() {
    if (this.saving) this._save(true);
  }

  /** Open the report for the printer, and put it back as it was. */
  printing(on) {
    if (on) this.wasOpen = this.report.open;
    this.report.open = on || this.wasOpen;
  }

  async _goBack() {
    if (this.back.value !== "") await this.command({ do: "back", period: Number(this.back.value) }, true);
  }

  /** Take over where the company stands; the news of the periods since one are shown. */
  take(state, since = Math.max(0, state.period - 1)) {
    this.tries = state.tries;
    this.rows = [...this.rows.slice(0, state.since), ...state.rows];
    this.start = state.start;
    this.state = state;
    this.since = since;
    clearTimeout(this.waiting);
    if (state.late) this.waiting = setTimeout(() => this._again(), WAIT);
  }

  /** Ask once more: the others were not as far yet. */
  async _again() {
    const state = await this.app.ask(`/api/company/${this.firm.key}/state?since=${this.rows.length}&tries=${this.tries}`);
    if (!state || this.closed || this.busy) return;
    this.take(state, this.since);
    this._refresh();
  }

  // -- what is shown --

  _refresh() {
    const { firm, state, rows, now } = this;
    const year = firm.per_year;
    const at = rows.length;
    const over = at >= this.end;
    this.status.textContent = over ? `The end, after ${yearsOf(at, year)}` : `${capital(when(at, year))} · ${at} of ${this.end} periods gone`;
    this.bar.classList.toggle("over", over);
    this.luck.textContent = `luck ${state.seed} · try ${state.tries}`;
    this.decisions.show([this.start, ...rows], over);
    this._tellCost();
    this._tellNews();
    this._fillTiles();
    this._lock();
    const everybody = this._everybody();
    this.key.replaceChildren(...everybody.map(({ name, look, does, fault }) => html("li", {}, html("span", { class: `key q-${look}` }), html("strong", { class: `w-${look}` }, name), does ? ` ${does}` : "", fault ? html("em", { class: "worse" }, ` ${fault}`) : null)));
    for (const [curves, read] of this.charts) curves.show(everybody.map(({ name, look, rows: past }) => ({ name, look, values: read(past) })), this.end);
    this.timeline.show(everybody, this.end, this.start.cards);
    this._offerBack();
    if (at) this.table.href = `/api/company/${firm.key}/table`;
    else this.table.removeAttribute("href");
    this.table.setAttribute("aria-disabled", !at);
    this._showVerdict();
  }

  /** Offer every period that was played, the latest first. */
  _offerBack() {
    const year = this.firm.per_year;
    const years = [];
    for (let period = this.rows.length - 1; period >= this.firm.taken_over; period--) {
      const label = `year ${Math.floor(period / year) + 1}`;
      if (years.at(-1)?.label !== label) years.push(html("optgroup", { label }));
      years.at(-1).append(html("option", { value: period }, when(period, year)));
    }
    this.back.replaceChildren(...(years.length ? years : [html("option", { value: "" }, "–")]));
  }

  /** Show how it ended when it is known, and go there. */
  _showVerdict() {
    const { verdict, tries } = this.state;
    this.end_box.hidden = !verdict;
    if (!verdict) this.shownVerdict = null;
    if (!verdict || this.shownVerdict === tries) return;
    this.shownVerdict = tries;
    this.end_box.replaceChildren(...ending(verdict, verdict.names.map(lookOf), this.firm.per_year, this.end).flat());
    const heading = this.end_box.querySelector("h2");
    heading.focus({ preventScroll: true }); // nothing happens where the page is only built yet
    heading.scrollIntoView();
  }

  /** You, your last try, and the rivals as far as they may be seen. */
  _everybody() {
    const fill = this.firm.measures.findIndex(({ name }) => name === "fill_rate");
    const own = this.rows.map((row) => ({ ...row, fill: mean(row.measures.map((line) => line[fill])), audit: mean(row.audits.map((line) => mean(line.slice(0, 3)))) }));
    const found = [{ name: "you", look: "you", rows: own }];
    if (this.state.earlier) found.push({ name: "your last try", look: "earlier", rows: this.state.earlier });
    this.state.rivals.forEach(({ name, rows, fault }, k) => found.push({ name, look: lookOf(name, k), rows, fault, does: this.firm.rivals.find((rival) => rival.name === name)?.does }));
    return found;
  }

  _tellCost() {
    const over = this.rows.length >= this.end;
    const cost = this.decisions.cost(this.now);
    const short = cost.unpaid > 0 || cost.share < 1;
    this.cost.textContent = over ? "" : `The next period ${Decisions.told(cost, this.now.cut)}.`;
    this.cost.className = `co-cost${short && !over ? " short" : ""}`;
    this.meter.value = over ? 0 : Math.min(1, cost.asked / Math.max(1, cost.there));
  }

  _tellNews() {
    const year = this.firm.per_year;
    const told = (from) => this.rows.map((row, n) => ({ n, news: row.news })).slice(from).filter(({ news }) => news.length).reverse();
    const list = (periods) => periods.map(({ n, news }) => html("div", {}, html("h4", {}, capital(when(n, year))), html("ul", { class: "news" }, news.map(({ tone, text }) => html("li", { class: `t-${tone}` }, text)))));
    const fresh = told(this.since);
    const quiet = this.rows.length ? "A quiet time: nothing began, nothing ended." : "You are new here. Two years of the company are on record; read the report, then decide.";
    this.news.replaceChildren(...(fresh.length ? list(fresh) : [html("p", { class: "note" }, quiet)]));
    this.archive.replaceChildren(...list(told(0)));
  }

  _fillTiles() {
    const { firm, rows, now, start } = this;
    const year = firm.per_year;
    const total = sums(rows.map(({ profit }) => profit)).at(-1);
    const lately = rows.slice(-year).map(({ profit }) => profit);
    const tile = (label, value, more) => html("div", {}, html("dt", {}, label), html("dd", {}, value), html("dd", { class: "note" }, more));
    this.tiles.replaceChildren(
      tile("economic profit", rows.length ? money(now.profit) : "–", rows.length ? `in the last period; ${money(mean(lately) * year)} a year lately` : "profit less the charge for capital"),
      tile("so far", rows.length ? money(total) : "–", rows.length ? `${money((total / rows.length) * year)} a year` : "economic profit, all periods"),
      tile("working capital", money(now.capital), `${percent(now.capital / start.capital)} of the start`),
      tile("stock", money(now.stock), `${percent(now.stock / start.stock)} of the start`),
      tile("cash", money(now.cash), now.cash < 0 ? "borrowed" : "at hand"),
      tile("money for improvement", exact(now.left), now.cut ? "left; headquarters have cut the budget" : `left of ${exact(firm.budget)} a year`));
  }
}

function sums(values) {
  let total = 0;
  return values.map((value) => (total += value));
}

function mean(values) {
  return values.reduce((total, value) => total + value, 0) / Math.max(1, values.length);
}

function smoothed(values) {
  return values.map((_, n) => mean(values.slice(Math.max(0, n - 5), n + 1)));
}

function percent(share) {
  return Number.isFinite(share) ? `${Math.round(share * 100)} %` : "–";
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

function yearsOf(periods, perYear) {
  return periods % perYear ? `${periods} periods` : `${periods / perYear} ${periods === perYear ? "year" : "years"}`;
}
