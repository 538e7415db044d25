/** What a student is told before they decide: the consultants' report, and what the words of the page mean. */

import { exact, said } from "./company_charts.js";
import { BESIDE, CAPABILITIES, LABELS, WORDS, unitOf } from "./company_words.js";
import { html, number } from "./words.js";

/** Return the verdicts of the demand analysis and of the qualification of suppliers. */
export function report({ report: { lines, suppliers }, budget, rollout, per_year: year, days }) {
  const word = { yes: "suits pull", care: "with care", "with care": "with care", "not yet": "not yet" };
  return html("div", { class: "co-two" },
    html("div", {}, html("h3", {}, "Which demand suits pull"),
      html("ul", { class: "plain-list" }, [...lines].sort((a, b) => a.place - b.place).map(({ name, suits, products, place }) => html("li", {},
        html("strong", {}, said(name)), " ", html("em", { class: `badge ${suits ? "good" : "bad"}` }, suits ? `suits, ${place}${["st", "nd", "rd"][place - 1] ?? "th"} choice` : "does not suit"),
        html("ul", {}, products.map(({ name: product, suits: verdict, sentence }) => html("li", { class: "note" }, product ? `${said(product)}: ` : "", sentence || word[verdict]))))))),
    html("div", {}, html("h3", {}, "Which suppliers are on time"),
      html("ul", { class: "plain-list" }, suppliers.map(({ name, judgement, on_time: share, units }) => html("li", {}, html("strong", {}, said(name)), " ",
        html("em", { class: `badge ${judgement === "fails" ? "bad" : judgement === "meets" ? "good" : "neutral"}` }, judgement === "not shown" ? "not on record" : judgement), " ",
        html("span", { class: "note" }, share === null ? "has delivered nothing yet" : `${number(share * 100)} % of ${exact(units)} units came on the day promised; the standard is 95 %`)))),
      html("h3", {}, "What there is to spend"),
      html("p", { class: "note" }, `${exact(budget)} a year for improvement, a part of it each period of ${days} days, ${year} periods a year; what is left stays, up to a year's budget. One more stage under pull costs ${exact(rollout)}. Orders to put stages under pull and qualifications are paid first, then every investment gets the same share of what it asks for. What has been gained needs upkeep, or it fades.`)));
}

/** Return the words of the page with what they mean, and how every figure is worked out. */
export function glossary({ measures, results, capital_cost: rate }) {
  const list = (entries) => html("dl", { class: "words" }, entries.map(([word, meaning]) => html("div", {}, html("dt", {}, word), html("dd", {}, meaning))));
  return [
    list(WORDS),
    html("h3", {}, "Capabilities"), list(CAPABILITIES.map(([, label, about]) => [label, about])),
    html("h3", {}, "Figures on the cards"), list(measures.map(({ label, unit, formula }) => [`${label}, ${unit}`, formula])),
    html("h3", {}, "Results at the end"), list([...results.map(({ name, unit, formula }) => [`${LABELS[name] ?? said(name)}, ${unitOf(name, unit)}`, formula]), ...BESIDE]),
    html("p", { class: "note" }, `The charge for capital is ${number(100 * rate)} % a year.`),
  ];
}
