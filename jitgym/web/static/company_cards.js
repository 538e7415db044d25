/** What a student decides and what they see beside it: a card for each line and for each supplier. */

import { auditBar, exact, money, said, spark } from "./company_charts.js";
import { CAPABILITIES } from "./company_words.js";
import { html, number } from "./words.js";

const MEMORY = 26;
/** What a change of deliveries on time is held against, as measures are against their steps. */
const ON_TIME_STEP = 0.5;
const HOLD = 0;
const PILOT = 1;
const NEXT = 2;
const BACK = 3;

/** All decisions of a period, and the cards that they are made on. */
export class Decisions {
  /**
   * @param firm what the server tells of the company.
   * @param changed called with the number of a lever that is set.
   */
  constructor(firm, changed) {
    this.firm = firm;
    this.changed = changed;
    this.values = firm.levers.map(({ low }) => low);
    this.inputs = new Map();
    this.lines = firm.lines.map((name, line) => this._lineCard(name, line));
    this.suppliers = firm.suppliers.map((supplier, place) => this._supplierCard(supplier, place));
    this.element = html("div", { class: "co-cards" },
      html("div", { class: "co-lines" }, this.lines.map(({ element }) => element)),
      html("div", { class: "co-suppliers" }, this.suppliers.map(({ element }) => element)));
  }

  /** Whether the student decides on a kind of lever; in some tasks a rule decides on the rest. */
  _isYours(kind) {
    return !this.firm.yours || this.firm.yours.includes(kind);
  }

  _lever(kind, place) {
    const k = this.firm.levers.findIndex((lever) => lever.kind === kind && lever.place === place);
    return k < 0 ? null : { ...this.firm.levers[k], k };
  }

  /** Return a slider for a lever, with what it comes to. */
  _slider(lever, label, words) {
    const text = html("output", {});
    const write = (value) => {
      text.textContent = words(value);
      range.setAttribute("aria-valuetext", words(value));
    };
    const range = html("input", {
      type: "range", min: lever.low, max: lever.high, step: 1, "aria-label": label, "data-kind": lever.kind,
      oninput: () => {
        this.values[lever.k] = Number(range.value);
        write(Number(range.value));
        this.changed(lever.k);
      },
    });
    this.inputs.set(lever.k, (value) => {
      range.value = value;
      write(value);
    });
    return [range, text];
  }

  _money(lever, label) {
    return this._slider(lever, label, (value) => (value ? exact(value * lever.unit) : "–"));
  }

  _lineCard(name, line) {
    const { firm } = this;
    const who = said(name);
    const stages = html("ol", { class: "co-stages", "aria-label": `${who}: stages` }, firm.stages.map((stage) => html("li", {}, html("span", {}, said(stage)), html("small", {}, "push"))));
    const rollout = this._lever("rollout", line);
    const orders = html("div", { class: "orders", role: "radiogroup", "aria-label": `${who}: roll-out order` });
    const cards = this._lever("cards", line);
    const [range, text] = this._slider(cards, `${who}: safety cards of each product`, (value) => String(value * cards.unit));
    const figures = html("tbody", {});
    const badges = html("span", { class: "badges" });
    const bars = CAPABILITIES.map(() => html("span", { class: "bar-of" }));
    const rows = CAPABILITIES.map(([kind, label, about], n) => {
      const lever = kind && this._lever(kind, line);
      return html("div", { class: "cap", title: about }, html("span", { class: "cap-name" }, label), bars[n],
        lever ? this._money(lever, `${who}: money for ${label}`) : html("span", { class: "note none" }, "follows from people"));
    });
    this.inputs.set(rollout.k, () => {});
    const element = html("section", { class: "co-card", "aria-label": who },
      html("h3", {}, html("span", {}, who), badges),
      stages,
      orders,
      html("div", { class: "cap buffer" }, html("span", { class: "cap-name", title: "The buffer, of each product. It costs nothing but the stock." }, "safety cards"), range, text),
      html("table", { class: "co-figures" }, html("caption", { class: "unseen" }, `Scorecard of ${who}`), figures),
      html("div", { class: "caps" }, html("p", { class: "caps-head" }, html("span", {}, "capability, as audited"), html("span", {}, "money a period")), rows));
    return { element, stages, orders, figures, badges, bars, rollout, line, who };
  }

  _supplierCard(supplier, place) {
    const who = said(supplier.name);
    const develop = this._lever("develop", place);
    const share = this._lever("alternative", place);
    const figure = html("span", { class: "bar-of" });
    const bar = html("span", { class: "bar-of" });
    const state = html("p", { class: "note" });
    const badges = html("span", { class: "badges" });
    const { alternative } = supplier;
    const lever = develop
      ? html("div", { class: "cap", title: "Works with a delay of months, and fades without upkeep." }, html("span", { class: "cap-name" }, "capability"), bar, this._money(develop, `${who}: money for development`))
      : [html("div", { class: "cap" }, html("span", { class: "cap-name" }, "capability"), bar),
        html("div", { class: "cap buffer", title: `The first share above zero begins its qualification: ${exact(alternative.cost)}, once.` }, html("span", { class: "cap-name" }, "share"), this._slider(share, `${who}: share of the orders`, (value) => `${Math.round(value * share.unit * 100)} %`))];
    const element = html("section", { class: "co-card", "aria-label": who },
      html("h3", {}, html("span", {}, who), badges),
      html("p", { class: "note" }, `delivers ${said(supplier.delivers)}${supplier.price === 1 ? "" : `, ${Math.round((supplier.price - 1) * 1000) / 10} % dearer`}`),
      figure, lever, state);
    return { element, figure, bar, state, badges, supplier, place, who };
  }

  /** Set all decisions, as the server has kept them, but leave alone what was set meanwhile. */
  set(values, meanwhile = new Set()) {
    this.values = values.map((value, k) => (meanwhile.has(k) ? this.values[k] : value));
    this.values.forEach((value, k) => this.inputs.get(k)(value));
  }

  /** Show where the company stands: its periods so far after what it began with. */
  show(rows, locked) {
    const now = rows.at(-1);
    const past = rows.slice(-MEMORY);
    this.lines.forEach((card) => this._showLine(card, now, past));
    this.suppliers.forEach((card) => this._showSupplier(card, now, past));
    for (const input of this.element.querySelectorAll("input")) input.disabled = locked || !this._isYours(input.dataset.kind);
  }

  _showLine({ stages, orders, figures, badges, bars, rollout, line, who }, now, past) {
    const { firm } = this;
    const stage = now.stage[line];
    const most = firm.stages.length;
    [...stages.children].forEach((item, n) => {
      const pulled = n >= most - stage;
      item.className = pulled ? "pull" : "push";
      item.lastChild.textContent = pulled ? "pull" : "push";
    });
    const next = said(firm.stages[most - 1 - stage] ?? "");
    const more = stage === 0 ? [[PILOT, `pilot: ${next}`, `pilot: pull at ${next}, for ${exact(firm.rollout)}`]] : stage < most ? [[NEXT, `next: ${next}`, `next: pull at ${next} too, for ${exact(firm.rollout)}`]] : [];
    const choices = [[HOLD, "hold", "hold"], ...more, ...(stage ? [[BACK, "back", "back to push at all stages"]] : [])];
    const chosen = choices.some(([value]) => value === this.values[rollout.k]) ? this.values[rollout.k] : HOLD;
    this.values[rollout.k] = chosen;
    const held = orders.contains(document.activeElement);
    orders.replaceChildren(...choices.map(([value, text, about]) => html("label", { title: about },
      html("input", { type: "radio", name: `rollout-${line}`, "data-kind": "rollout", value, checked: value === chosen, "aria-label": `${who}: ${about}`, onchange: () => { this.values[rollout.k] = value; this.changed(rollout.k); } }),
      html("span", {}, text))));
    if (held) orders.querySelector(":checked").focus({ preventScroll: true }); // the one that had it is gone
    badges.replaceChildren(...badgesOf(now, firm.lines[line]));
    figures.replaceChildren(...firm.measures.map((measure, k) => {
      const values = past.map((row) => row.measures[line][k] * measure.times);
      const change = now.change[line][k] / measure.step;
      return html("tr", {},
        html("th", { scope: "row", title: measure.formula }, measure.label, " ", html("span", { class: "unit-name" }, measure.unit)),
        html("td", { class: "spark-of" }, spark(values)),
        html("td", { class: "value" }, number(values.at(-1))),
        html("td", { class: "way" }, arrow(change, measure.good)));
    }));
    const audits = past.map((row) => row.audits[line]);
    CAPABILITIES.forEach(([, label], n) => bars[n].replaceChildren(
      n === 4 && stage === 0 ? html("span", { class: "note" }, "no pull yet") : auditBar(`${who}, ${label}`, audits.map((row) => row[n]), firm.audit)));
  }

  _showSupplier({ figure, bar, state, badges, supplier, place, who }, now, past) {
    const values = past.map((row) => row.on_time[place]);
    const waiting = now.waiting[place];
    const idle = waiting !== 0;
    figure.replaceChildren(idle
      ? html("p", { class: "note" }, "no orders yet")
      : html("table", { class: "co-figures" }, html("tbody", {}, html("tr", {}, html("th", { scope: "row" }, "on time ", html("span", { class: "unit-name" }, "%")), html("td", { class: "spark-of" }, spark(values)), html("td", { class: "value" }, number(values.at(-1) * 100)), html("td", { class: "way" }, arrow(now.on_time_change[place] / ON_TIME_STEP, 1))))));
    bar.replaceChildren(auditBar(`${who}, capability`, past.map((row) => row.supplier_audits[place]), this.firm.audit));
    badges.replaceChildren(...badgesOf(now, supplier.name));
    const { alternative } = supplier;
    state.textContent = !alternative ? "" : waiting < 0 ? `Not qualified. It takes ${exact(alternative.cost)} at once, and ${alternative.periods} periods.`
      : waiting > 0 ? `In qualification: ${waiting} more ${waiting === 1 ? "period" : "periods"}.` : "Qualified.";
  }

  /** Return what the decisions ask for, and what can be paid of it, in the order in which the company pays. */
  cost(now) {
    const { firm, values } = this;
    const given = (firm.budget / firm.per_year) * (now.cut ? firm.cut_to : 1);
    const there = Math.min(now.left + given, firm.budget);
    let left = there;
    let whole = 0;
    let unpaid = 0;
    const pay = (cost) => {
      if (left >= cost) {
        left -= cost;
        whole += cost;
      } else unpaid += cost;
    };
    firm.levers.forEach(({ kind, place }, k) => {
      if (kind === "alternative" && values[k] > 0 && now.waiting[place] < 0) pay(firm.suppliers[place].alternative.cost);
    });
    firm.levers.forEach(({ kind }, k) => {
      if (kind === "rollout" && (values[k] === PILOT || values[k] === NEXT)) pay(firm.rollout);
    });
    const invested = firm.levers.reduce((total, { money: costs, unit }, k) => total + (costs ? values[k] * unit : 0), 0);
    const share = invested ? Math.min(1, left / invested) : 1;
    return { there, given, asked: whole + unpaid + invested, unpaid, share, paid: whole + invested * share };
  }

  /** Say in a sentence what a period will cost. */
  static told({ there, asked, unpaid, share, given }, cut) {
    const head = `asks ${exact(asked)} of the ${exact(there)} that are there (${money(given)} a period${cut ? ", cut" : ""})`;
    if (unpaid) return `${head}: ${exact(unpaid)} for pull or qualification cannot be paid and will not be done`;
    return share < 1 ? `${head}: every investment gets ${Math.round(share * 100)} % of what it asks` : head;
  }
}

/** Return what is in the news of a period about a line or supplier, in a word. */
function badgesOf({ news = [] }, name) {
  return news.filter(({ about, word }) => about === name && word).map(({ tone, text, word }) => html("em", { class: `badge ${tone}`, title: text }, word));
}

/** Return an arrow where a measure has moved away from its mean, and whether that is good. */
function arrow(change, good) {
  if (Math.abs(change) < 0.03) return html("span", { class: "flat", title: "about as before" }, "·", html("span", { class: "unseen" }, "as before"));
  const up = change > 0;
  const better = good * change;
  const word = better > 0 ? "better" : better < 0 ? "worse" : up ? "more" : "less";
  return html("span", { class: better > 0 ? "good" : better < 0 ? "worse" : "flat", title: `${word} than the mean of the periods before` }, up ? "▲" : "▼", html("span", { class: "unseen" }, word));
}
