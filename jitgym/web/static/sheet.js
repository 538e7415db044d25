/** Figures side by side, and the score sheet to print. */

import { html, number, sum } from "./words.js";

/** Return a table of the KPIs of the teams, and with two of them the difference. */
export function kpiTable(teams, looks, names = null) {
  const kpis = looks.kpis.filter(({ name }) => names === null || names.includes(name));
  const two = teams.length === 2;
  const head = ["", ...teams.map(({ name }) => name), ...(two ? ["difference"] : [])];
  return html(
    "table",
    { class: "kpis" },
    html("caption", {}, "Since the start"),
    html("thead", {}, html("tr", {}, head.map((text, n) => html("th", { scope: "col", class: n && n <= teams.length ? `n${n - 1}` : "" }, text)))),
    html("tbody", {}, kpis.map(({ name, label, times, unit, formula }) => {
      const values = teams.map((team) => (team.kpis[name] === null ? null : team.kpis[name] * times));
      const change = two && values.every((value) => value !== null) ? values[1] - values[0] : null;
      const sign = change > 0 ? "+" : "";
      return html(
        "tr",
        {},
        html("th", { scope: "row", title: formula }, label, " ", html("span", { class: "unit-name" }, unit)),
        values.map((value) => html("td", {}, number(value))),
        two ? html("td", {}, change === null ? "–" : `${sign}${number(change)}`) : null,
      );
    })),
  );
}

/** Return what each team's money went for, as a table. */
export function costTable(teams, looks, slots) {
  const terms = Object.keys(looks.terms).filter((term) => teams.some((team) => team.terms[term]));
  return html(
    "table",
    { class: "kpis" },
    html("caption", {}, "Cost a slot, by what it was for"),
    html("thead", {}, html("tr", {}, html("th", { scope: "col" }, ""), teams.map(({ name }) => html("th", { scope: "col" }, name)))),
    html("tbody", {}, terms.map((term) => html("tr", {},
      html("th", { scope: "row" }, looks.terms[term].label),
      teams.map((team) => html("td", {}, number((team.terms[term] ?? 0) / slots)))))),
    html("tfoot", {}, html("tr", {}, html("th", { scope: "row" }, "all"),
      teams.map((team) => html("td", {}, number(sum(Object.values(team.terms)) / slots))))),
  );
}

/** Return a score sheet: who played what under which luck, with room for names and remarks. */
export function scoreSheet(title, state, looks, questions) {
  const line = (label) => html("p", { class: "blank" }, label);
  return [
    html("h2", {}, `Score sheet: ${title}`),
    html("p", {}, `${state.slot} of ${state.end} slots. Luck number ${state.seed}: the same orders, breakdowns and deliveries for every team.`),
    line("Name"), line("Date"),
    kpiTable(state.teams, looks),
    state.slot ? costTable(state.teams, looks, state.slot) : null,
    html("h3", {}, "How the lines were controlled"),
    html("ul", {}, state.teams.map((team) => html("li", {}, `${team.name}: ${team.control === "hand" ? "by hand" : team.control}`))),
    questions.length ? html("h3", {}, "Questions") : null,
    questions.map(({ ask }) => [html("p", {}, ask), line(""), line("")]),
  ];
}
