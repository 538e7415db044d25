/** Pages round a company: where one begins, the lesson with its tasks, and who stands how. */

import { money } from "./company_charts.js";
import { html, inline, number, paragraphs } from "./words.js";

/** The start: which company, under which luck. */
export function companyStart(app, first) {
  const { companies, seed, class: isClass } = app.catalogue;
  if (!companies.length) return app.showPage("Company", html("div", { class: "overview" }, html("h1", {}, "No company is offered")));
  const choice = html("select", { onchange: fill }, companies.map(({ name }) => html("option", { value: name, selected: name === first }, name)));
  const about = html("p", { class: "lead" });
  const others = html("ul", { class: "plain-list" });
  const name = html("input", { maxlength: 40, placeholder: "for the board" });
  const luck = html("input", { type: "number", min: 0, max: Number.MAX_SAFE_INTEGER, value: seed });
  function fill() {
    const here = companies.find((company) => company.name === choice.value) ?? companies[0];
    about.textContent = here.description;
    others.replaceChildren(...here.rivals.map((rival) => html("li", {}, html("strong", {}, rival.name), `: ${rival.does}`)));
  }
  fill();
  const begin = async (event) => {
    event.preventDefault();
    const firm = await app.ask("/api/company", { company: choice.value || companies[0].name, seed: Number(luck.value), player: name.value });
    if (firm) app.showFirm(firm, `#/company/${firm.key}`);
  };
  app.showPage("Company", html("div", { class: "overview" },
    html("h1", {}, "Run a company for ten years"),
    about,
    html("p", {}, "Every four weeks you decide: what to invest in, which suppliers to develop, which lines to put under pull, how large the buffers are. The lines then run hour by hour, and money and figures are read off what happened."),
    html("div", { class: "co-two" }, html("form", { class: "form", onsubmit: begin },
      companies.length > 1 ? html("label", {}, "Company", choice) : null,
      html("label", {}, "Your name", name),
      html("label", {}, isClass ? "Luck number, the same for the class" : "Luck number", luck),
      html("button", { class: "main" }, "Begin")),
    html("div", {}, html("h2", {}, "Who runs it beside you, under the same luck"), others,
      html("p", {}, html("a", { class: "button", href: "#/case/0" }, "With tasks and questions: the lesson"))))));
}

/** The case: text and questions beside the company. */
export async function casePage(app, visit, part, key) {
  const lesson = await app.ask("/api/case");
  const firm = lesson && ((await app.kept(`/api/company/${key}`, key)) ?? (await app.ask("/api/company", { part })));
  if (app.visits() !== visit) return;
  if (!firm) return app.overview(); // under the complaint
  const here = lesson.parts[part];
  const last = part + 1 >= lesson.parts.length;
  const text = html("article", { class: "text" },
    html("h1", {}, lesson.title),
    html("p", { class: "steps" }, lesson.parts.map((one, n) => html("a", { href: `#/case/${n}`, class: n === part ? "here" : "", "aria-current": n === part ? "step" : null }, `${n + 1}. ${one.title}`))),
    paragraphs(here.text),
    html("h2", {}, "What to look for"), html("ul", {}, here.watch.map((one) => html("li", {}, inline(one)))),
    html("h2", {}, "Questions"), here.questions.map(({ ask: question, answer }) => html("details", {}, html("summary", {}, inline(question)), paragraphs(answer))),
    html("p", {}, html("a", { class: "button", href: last ? "#/company" : `#/case/${part + 1}` }, last ? "Run it without tasks" : "Next part")));
  app.showFirm(firm, `#/case/${part}/${firm.key}`, text);
}

/** How those who run companies stand, best first; a part of the board. */
export function companyBoard(rows) {
  if (!rows.length) return null;
  const head = ["who", "periods", "tries", "economic profit a year", "the best of the others", "fill rate %", "stock, of the start %"];
  // what is not the same game under the same luck cannot be compared
  const games = rows.reduce((found, one) => found.set(gameOf(one), [...(found.get(gameOf(one)) ?? []), one]), new Map());
  return html("section", {}, html("h2", {}, "Companies"), html("div", { class: "scroll" }, html("table", { class: "kpis wide" },
    html("thead", {}, html("tr", {}, head.map((text) => html("th", { scope: "col" }, text)))),
    [...games].map(([game, own]) => html("tbody", {},
      html("tr", {}, html("th", { scope: "rowgroup", colspan: head.length, class: "game" }, game)),
      own.map((one) => html("tr", {},
        html("th", { scope: "row" }, one.player || "–"), html("td", {}, `${one.period} of ${one.end}`), html("td", {}, String(one.tries)),
        html("td", {}, money(one.profit)), html("td", {}, one.best ? `${one.best.name} ${money(one.best.profit)}` : "–"), html("td", {}, number(one.fill * 100)), html("td", {}, one.stock === null ? "–" : number(one.stock * 100)))))))));
}

function gameOf({ title, seed }) {
  return `${title}, luck ${seed}`;
}
