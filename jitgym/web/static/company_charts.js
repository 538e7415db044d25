/** Pictures of companies: curves of everybody over the years, the roll-out as a chart of stages, and the buffer trap. */

import { ticks } from "./charts.js";
import { html, number, svg } from "./words.js";

const SIZE = { width: 420, height: 200 };
const ROOM = { left: 52, right: 12, top: 12, bottom: 26 };

/** Return a name as it is said: second_foundry is second foundry. */
export function said(name) {
  return name.replaceAll("_", " ");
}

/** Return an amount of money: 2.41 M, 380 k. */
export function money(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  const text = size >= 1e6 ? `${(size / 1e6).toFixed(2)} M` : size >= 1e4 ? `${Math.round(size / 1e3)} k` : String(Math.round(size));
  return (value < 0 ? "−" : "") + text;
}

/** Return an amount of money to the unit, in groups of three digits. */
export function exact(value) {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",").replace("-", "−");
}

/** Return when a period is: "year 3, period 5". */
export function when(period, perYear) {
  return `year ${Math.floor(period / perYear) + 1}, period ${(period % perYear) + 1}`;
}

function frame(root, periods, perYear, [low, high], form) {
  const x = (period) => ROOM.left + (period / Math.max(1, periods)) * (SIZE.width - ROOM.left - ROOM.right);
  const y = (value) => SIZE.height - ROOM.bottom - ((value - low) / Math.max(1e-9, high - low)) * (SIZE.height - ROOM.top - ROOM.bottom);
  root.replaceChildren();
  for (const value of form ? ticks(low, high, 4) : []) {
    root.append(
      svg("path", { d: `M ${ROOM.left} ${y(value)} H ${SIZE.width - ROOM.right}`, class: value === 0 ? "grid zero" : "grid" }),
      svg("text", { x: ROOM.left - 5, y: y(value) + 4, class: "tick end" }, form(value)),
    );
  }
  const years = periods / perYear;
  for (let year = 0; year <= years; year++) {
    root.append(svg("path", { d: `M ${x(year * perYear)} ${SIZE.height - ROOM.bottom} v 4`, class: "grid" }));
    if (year < years) root.append(svg("text", { x: x(Math.min((year + 0.5) * perYear, (year * perYear + periods) / 2)), y: SIZE.height - 8, class: "tick middle" }, `${year === 0 ? "year " : ""}${year + 1}`));
  }
  return [x, y];
}

/** Curves of everybody, one value a period. */
export class Curves {
  constructor(label, form, perYear, { least = null, most = null } = {}) {
    Object.assign(this, { label, form, perYear, least, most });
    this.element = svg("svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", class: "chart" });
  }

  /** Draw series `{ name, look, values }`, the first of them on top. */
  show(series, periods) {
    const all = series.flatMap(({ values }) => values);
    const high = Math.max(...all, this.most ?? -Infinity, this.least === null ? 1 : -Infinity);
    const low = Math.min(...all, this.least ?? 0);
    const [x, y] = frame(this.element, periods, this.perYear, all.length ? [low, Math.max(high, low + 1e-6)] : [0, 1], all.length ? this.form : null);
    [...series].reverse().forEach(({ look, values }) => {
      if (!values.length) return;
      const points = values.map((value, n) => `${x(n + 1).toFixed(1)} ${y(value).toFixed(1)}`);
      this.element.append(
        svg("path", { d: `M ${points.join(" L ")}`, class: `curve l-${look}` }),
        svg("circle", { cx: x(values.length), cy: y(values.at(-1)), r: 3, class: `end-dot f-${look}` }),
      );
    });
    const words = series.map(({ name, values }) => `${name} ${values.length ? this.form(values.at(-1)) : "not begun"}`);
    this.element.setAttribute("aria-label", `${this.label}: ${words.join(", ")}`);
  }
}

const ROW = 13;
const LABEL = 90;
const LONG = 900;

/** Which stages were under pull when: for each line a row for everybody. */
export class Timeline {
  /** @param firm what the server tells of the company. */
  constructor({ lines, stages, per_year: perYear, taken_over: takenOver, levers }) {
    Object.assign(this, { lines, stages, perYear, takenOver, unit: levers.find(({ kind }) => kind === "cards").unit });
    this.element = svg("svg", { role: "img", class: "timeline" });
    this.legend = html("ul", { class: "legend" },
      Array.from({ length: stages.length + 1 }, (_, n) => html("li", {}, svg("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" }, svg("rect", { x: 1, y: 1, width: 12, height: 12, rx: 2, class: `pulled s${level(n, stages.length)}` })),
        n === 0 ? "push" : n === stages.length ? "pull at all stages" : `pull at ${n} of ${stages.length}`)),
      html("li", {}, svg("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" }, svg("path", { d: "M 2 11 L 7 3 L 12 11 Z", class: "put-back" })), "cards put back that had been taken out"),
      html("li", {}, svg("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" }, svg("path", { d: "M 2 11 L 7 3 L 12 11 Z", class: "cards-added" })), "cards added"),
      html("li", {}, svg("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" }, svg("path", { d: "M 7 2 L 12 7 L 7 12 L 2 7 Z", class: "bad-luck" })), "bad luck"));
  }

  /** Draw everybody `{ name, look, rows }`; the first is the student, who has news too. `cards`: those of the start. */
  show(everybody, periods, cards) {
    this.cards = cards;
    const block = everybody.length * ROW + 20;
    const height = 26 + this.lines.length * block + 18;
    const x = (period) => LABEL + (period / periods) * (LONG - LABEL - 8);
    this.element.setAttribute("viewBox", `0 0 ${LONG} ${height}`);
    this.element.replaceChildren();
    for (let year = 0; year * this.perYear < periods; year++) {
      this.element.append(
        svg("path", { d: `M ${x(year * this.perYear)} 20 V ${height - 16}`, class: "grid" }),
        svg("text", { x: x(year * this.perYear) + 3, y: height - 4, class: "tick" }, `${year === 0 ? "year " : ""}${year + 1}`));
    }
    const luck = everybody[0].rows.flatMap((row, n) => (row.news ?? []).filter(({ tone }) => tone === "bad").map((news) => ({ n, ...news })));
    this.element.append(svg("text", { x: 0, y: 16, class: "small" }, "luck"));
    luck.forEach(({ n, text }) => {
      const at = x(n + 0.5);
      this.element.append(svg("path", { d: `M ${at} 7 l 5 5 l -5 5 l -5 -5 Z`, class: "bad-luck" }, svg("title", {}, `${when(n, this.perYear)}: ${text}`)));
    });
    const words = this.lines.map((name, line) => this._line(name, line, everybody, 28 + line * block, x));
    this.element.setAttribute("aria-label", `Roll-out. ${words.join(" ")}`);
  }

  _line(name, line, everybody, top, x) {
    this.element.append(svg("text", { x: 0, y: top + 9, class: "small strong" }, said(name)));
    everybody.forEach(({ name: who, look, rows }, k) => {
      const y = top + 14 + k * ROW;
      this.element.append(svg("text", { x: LABEL - 6, y: y + 9.5, class: `tiny end w-${look}` }, who));
      for (const { from, to, stage } of spans(rows.map((row) => row.stage[line]))) {
        this.element.append(svg("rect", { x: x(from), y, width: x(to) - x(from), height: ROW - 1.5, class: `pulled s${level(stage, this.stages.length)}` }));
      }
      for (const { n, back, added } of rises(rows, line, this.cards[line], k === 0 || look === "earlier" ? this.takenOver : 0)) {
        const words = [back && `${back * this.unit} cards of each product put back`, added && `${added * this.unit} added`].filter(Boolean).join(", ");
        this.element.append(svg("path", { d: `M ${x(n) - 4} ${y + ROW - 2} l 4 -8 l 4 8 Z`, class: back ? "put-back" : "cards-added" }, svg("title", {}, `${when(n, this.perYear)}: ${words}`)));
      }
    });
    const stages = everybody.map(({ name: who, rows }) => `${who} ${rows.length ? rows.at(-1).stage[line] : 0}`);
    return `${said(name)}, stages under pull of ${this.stages.length}: ${stages.join(", ")}.`;
  }
}

/**
 * Return where cards rose on a line under pull, from a period on: how many were put back that had been taken out
 * before, and how many are more than there ever were.
 */
export function rises(rows, line, start, from) {
  const found = [];
  let before = start;
  let most = start;
  rows.forEach(({ cards: { [line]: now } }, n) => {
    if (n >= from && now > before && rows[n - 1]?.stage[line] > 0) found.push({ n, back: Math.max(0, Math.min(now, most) - before), added: Math.max(0, now - most) });
    most = Math.max(most, now);
    before = now;
  });
  return found;
}

function level(stage, most) {
  return Math.round((4 * stage) / most);
}

function spans(values) {
  const found = [];
  values.forEach((stage, n) => {
    if (found.length && found.at(-1).stage === stage) found.at(-1).to = n + 1;
    else found.push({ from: n, to: n + 1, stage });
  });
  return found;
}

/** Return a small curve of the last periods, without an axis. */
export function spark(values) {
  const width = 72;
  const height = 18;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (n) => 2 + (n / Math.max(1, values.length - 1)) * (width - 6);
  const y = (value) => height - 3 - ((value - low) / Math.max(1e-9, high - low)) * (height - 6);
  const points = values.map((value, n) => `${x(n).toFixed(1)} ${y(high > low ? value : low + (high - low) / 2).toFixed(1)}`);
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "spark", "aria-hidden": "true" },
    values.length > 1 ? svg("path", { d: `M ${points.join(" L ")}` }) : null,
    svg("circle", { cx: x(values.length - 1), cy: y(values.at(-1)), r: 2.2 }));
}

/** Return what audits say: the last one with its error, those before it faint. */
export function auditBar(label, audits, error) {
  const now = audits.at(-1);
  const x = (value) => 4 + Math.max(0, Math.min(1, value)) * 112;
  const band = [x(now - error), x(now + error)];
  return svg("svg", { viewBox: "0 0 120 16", class: "audit", role: "img", "aria-label": `${label}: audit ${now.toFixed(2)}, give or take ${error.toFixed(2)}` },
    svg("rect", { x: 4, y: 5, width: 112, height: 6, rx: 3, class: "track" }),
    svg("rect", { x: band[0], y: 4, width: band[1] - band[0], height: 8, rx: 4, class: "band-of" }),
    audits.slice(-7, -1).map((value) => svg("circle", { cx: x(value), cy: 8, r: 1.6, class: "was" })),
    svg("circle", { cx: x(now), cy: 8, r: 3.6, class: "now" }),
    svg("title", {}, `audit ${now.toFixed(2)} ± ${error.toFixed(2)}; the dots are the six before it`));
}

/** The buffer trap of one line: safety cards, problems in plain sight, and what people improve by themselves. */
export function trapChart(line, occasions, perYear) {
  const root = svg("svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", class: "chart" });
  const periods = line.cards.length;
  const smooth = (values) => values.map((_, n) => mean(values.slice(Math.max(0, n - 6), n + 1)));
  const [visible, kaizen] = [smooth(line.visible).map((value) => value * 1000), smooth(line.kaizen).map((value) => value * 100)];
  // a crisis would press all else to the ground: what is above the top is cut off
  const usual = [...visible].sort((a, b) => a - b)[Math.floor(visible.length * 0.9)];
  const high = Math.max(10, 1.2 * usual, ...line.cards, ...kaizen);
  const [x, y] = frame(root, periods, perYear, [0, high], String);
  const steps = line.cards.map((cards, n) => `L ${x(n).toFixed(1)} ${y(cards).toFixed(1)} L ${x(n + 1).toFixed(1)} ${y(cards).toFixed(1)}`);
  const path = (values) => `M ${values.map((value, n) => `${x(n + 0.5).toFixed(1)} ${y(Math.min(value, high)).toFixed(1)}`).join(" L ")}`;
  root.append(
    svg("path", { d: `M ${x(0)} ${y(0)} ${steps.join(" ")} L ${x(periods)} ${y(0)} Z`, class: "card-area" }),
    svg("path", { d: path(visible), class: "curve l-visible" }),
    svg("path", { d: path(kaizen), class: "curve l-kaizen" }),
    occasions.map(({ period, text }) => svg("path", { d: `M ${x(period) - 5} ${SIZE.height - ROOM.bottom} l 5 -9 l 5 9 Z`, class: "put-back" }, svg("title", {}, text))),
  );
  root.setAttribute("aria-label", `${said(line.name)}: at the end ${line.cards.at(-1)} safety cards, ${number(visible.at(-1))} per mille of machine time lost in plain sight, and people closing ${number(kaizen.at(-1))} % of the gap a year`);
  return root;
}

function mean(values) {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
