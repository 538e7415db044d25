/** The end: who won and why, results side by side, what was really so, and the buffer trap. */

import { Curves, money, said, trapChart } from "./company_charts.js";
import { LABELS, unitOf } from "./company_words.js";
import { html, number } from "./words.js";

function form(value, unit, name = "") {
  if (value === null) return "–";
  if (name === "return_on_assets") return `${number(100 * value)} %`;
  if (unit.startsWith("money")) return money(value);
  if (unit === "share") return `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;
  return number(value);
}

function results(verdict, looks) {
  const head = html("thead", {}, html("tr", {}, html("th", { scope: "col" }, ""), verdict.names.map((name, k) => html("th", { scope: "col", class: `w-${looks[k]}` }, name))));
  const row = (label, unit, formula, values) => html("tr", {}, html("th", { scope: "row", title: formula }, label, " ", html("span", { class: "unit-name" }, unit)), values.map((value) => html("td", {}, value)));
  const base = verdict.payback_base;
  const months = verdict.names.map((name, k) => {
    const value = verdict.payback[k];
    if (name === base) return "–";
    if (verdict.payback_same[k]) return "the same";
    return value === null ? "not yet" : value === 0 ? "at once" : String(Math.round(value));
  });
  return html("div", { class: "scroll" }, html("table", { class: "kpis" },
    html("caption", {}, "Results side by side"), head,
    html("tbody", {},
      verdict.results.map(({ name, unit, formula, values }) => row(LABELS[name] ?? said(name), unit === "share" ? "" : unitOf(name, unit).replace("% ", ""), formula, values.map((value) => form(value, unit, name)))),
      row("stock, last year", "of the start", "worth of the stock in the last year / at the start", verdict.stock.map((value) => form(value, "share"))),
      base ? row("payback", "months", `until economic profit so far was above that of ${base} for good`, months) : null)));
}

function bridge(verdict, looks) {
  return html("div", { class: "scroll" }, html("table", { class: "kpis" },
    html("caption", {}, "What economic profit is made of, money a year"),
    html("thead", {}, html("tr", {}, html("th", { scope: "col" }, ""), verdict.names.map((name, k) => html("th", { scope: "col", class: `w-${looks[k]}` }, name)))),
    html("tbody", {}, verdict.bridge.map(({ name, label, values }) => html("tr", { class: name === "economic_profit" ? "total" : null }, html("th", { scope: "row" }, label), values.map((value) => html("td", {}, money(value))))))));
}

function trap(verdict, perYear) {
  const { lines, occasions } = verdict.trap;
  const first = occasions.length ? lines.findIndex(({ name }) => name === occasions[0].line) : 0;
  const place = html("div", { class: "trap-chart" });
  const draw = (k) => place.replaceChildren(trapChart(lines[k], occasions.filter(({ line }) => line === lines[k].name), perYear));
  const choice = html("select", { "aria-label": "line of the buffer trap", onchange: () => draw(Number(choice.value)) }, lines.map(({ name }, k) => html("option", { value: k, selected: k === first }, said(name))));
  draw(Math.max(0, first));
  return html("section", { class: "trap" },
    html("h3", {}, "The buffer trap, replayed: ", choice),
    html("div", {}, place,
    html("ul", { class: "legend" },
      html("li", {}, html("span", { class: "key k-cards" }), "safety cards of each product"),
      html("li", {}, html("span", { class: "key k-visible" }), "problems in plain sight, ‰ of machine time"),
      html("li", {}, html("span", { class: "key k-kaizen" }), "what people improve by themselves, % of the gap a year"),
      html("li", {}, "curves: means of half a year"))),
    occasions.length
      ? html("ul", { class: "plain-list" }, occasions.map(({ text }) => html("li", {}, text)))
      : html("p", {}, "You never put cards back on a line under pull."));
}

/** Return what is shown when the last period is over; `looks` says how everybody is drawn. */
export function ending(verdict, looks, perYear, periods) {
  const truth = verdict.names.map((name, k) => ({ name, look: looks[k], ...verdict.truth[name] }));
  const chart = (label, key) => {
    const curves = new Curves(label, (value) => value.toFixed(1), perYear, { least: 0, most: 1 });
    curves.show(truth.map(({ name, look, [key]: values }) => ({ name, look, values: values.slice(0, periods) })), periods);
    return html("figure", {}, html("figcaption", {}, label), curves.element);
  };
  return [
    html("h2", { tabindex: -1 }, "How it ended"),
    html("dl", { class: "verdict" }, verdict.sentences.map(({ about, text }, n) => [
      n && verdict.sentences[n - 1].about === about ? null : html("dt", {}, about), html("dd", {}, text)])),
    html("div", { class: "co-results" }, results(verdict, looks), bridge(verdict, looks)),
    html("h2", {}, "What was really so"),
    html("p", { class: "note" }, "True values, which no audit told: means of all lines."),
    html("div", { class: "co-charts" }, chart("Capability: changeover, quality, maintenance", "capability"), chart("Capability of people", "people"), chart("Discipline of pull", "discipline")),
    trap(verdict, perYear),
  ];
}
