/** The teaching page: lessons, free play, the board; each run is a session of the server, shown as it streams in. */

import { Firm } from "./company.js";
import { casePage, companyBoard, companyStart } from "./company_pages.js";
import { FlowChart, TeamChart, meanCost, owed, unitsInside } from "./charts.js";
import { legend } from "./legend.js";
import { LineView } from "./line.js";
import { Panel } from "./panel.js";
import { kpiTable, scoreSheet } from "./sheet.js";
import { count, html, inline, number, paragraphs } from "./words.js";

const main = document.getElementById("main");
const title = document.getElementById("title");
const fault = document.getElementById("fault");
const sheet = document.getElementById("sheet");
const BESIDE = 800;
const SPEEDS = [1, 2, 4, 8, 16, 40, 100, 400];
let catalogue = null;
let run = null;
let firm = null;
let visits = 0;

/** Ask the server; null, and a complaint on the page, where it refuses. `leaving`: the page may be gone before the answer. */
async function ask(path, body, leaving = false) {
  const sent = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), keepalive: leaving };
  let answer = null;
  try {
    answer = await fetch(path, sent);
  } catch {
    return complain("The server does not answer. Is `jitgym teach` still running?");
  }
  const data = await answer.json().catch(() => null);
  if (data === null) return complain(`What came back is not an answer of this server (${answer.status} ${answer.statusText}): is something else between it and this page?`);
  if (!answer.ok) return complain(data.error);
  fault.hidden = true;
  return data;
}

function complain(text) {
  fault.textContent = text;
  fault.hidden = false;
  return null;
}

/** One run of one or two lines. */
class Run {
  constructor(session, begin, lesson, part) {
    this.session = session;
    this.begin = begin;
    this.lesson = lesson;
    this.part = part;
    this.histories = session.teams.map(() => []);
    this.views = session.teams.map(({ scene }) => new LineView(scene, catalogue.looks));
    this.flows = session.teams.map(({ scene }) => new FlowChart(scene));
    this.panels = session.teams.map((team, k) => new Panel(team, k, (command) => this.send(command)));
    this.stock = new TeamChart("units in the line", unitsInside);
    this.cost = new TeamChart("mean cost a slot", meanCost);
    this.backlog = new TeamChart("backlog, units", owed);
    this._build();
    this.listen();
  }

  /** Read the stream, which is the clock; a tab that nobody sees does without, as a browser has but a few streams. */
  listen() {
    this.stream = new EventSource(`/api/session/${this.session.key}/events`);
    this.stream.onmessage = ({ data }) => this.show(JSON.parse(data));
    this.stream.onerror = () => {
      if (this.stream.readyState === EventSource.CLOSED) complain("This run is over. Begin it again.");
    };
  }

  send(command) {
    return ask(`/api/session/${this.session.key}`, command);
  }

  close() {
    this.stream.close();
  }

  _build() {
    const button = (text, label, act, key = "") => html("button", { onclick: act, title: key ? `${label} (${key})` : label, "aria-label": label }, text);
    this.play = html("button", { class: "main", onclick: () => this.toggle() }, "Play");
    this.speed = html("select", { "aria-label": "slots a second", onchange: (event) => this.send({ do: "speed", value: Number(event.target.value) }) },
      SPEEDS.map(speedOption));
    this.status = html("span", { class: "status" });
    const reveal = html("input", { type: "checkbox", onchange: (event) => this.views.forEach((view) => view.reveal(event.target.checked)) });
    this.words = html("p", { class: "unseen", "aria-live": "polite" });
    this.kpis = html("div", { class: "kpi-box" });
    this.tables = html("details", {}, html("summary", {}, "The lines as tables"), this.views.map((view) => view.table));
    this.tables.addEventListener("toggle", () => this.last && this._tabulate(this.last));
    this.laws = this.session.teams.map(() => html("p", { class: "law-line" }));
    this.names = this.session.teams.map((team, k) => html("h2", { class: `n${k}` }, team.name));
    const figure = (element, caption, more) => html("figure", {}, html("figcaption", {}, caption), element, more);
    this.element = html(
      "div",
      { class: "run" },
      html("div", { class: "bar", role: "group", "aria-label": "Run" },
        this.play,
        button("1 ▸", "One slot", () => this.send({ do: "step" }), "arrow right"),
        button("▸ decision", "To the next decision", () => this.send({ do: "step", slots: "decision" }), "d"),
        button("▸▸ end", "To the end", () => this.send({ do: "step", slots: "end" }), "Shift+E"),
        this.speed,
        button("Again", "Again, under the same luck", () => this.send({ do: "again" }), "Shift+R"),
        button("Other luck", "Again, under other luck", () => this.send({ do: "again", seed: Math.floor(Math.random() * 1e6) }), "Shift+L"),
        catalogue.class ? html("label", {}, "Your name ", html("input", { maxlength: 40, size: 12, onchange: (event) => this.send({ do: "name", name: event.target.value }) })) : null,
        this.status),
      this.words,
      html("div", { class: this.session.teams.length > 1 && this.views.every(({ width }) => width < BESIDE) ? "lines beside" : "lines" }, this.views.map((view, k) => html("section", { class: "strip", "aria-label": this.session.teams[k].name }, this.names[k], view.element))),
      html("div", { class: "under" }, legend(catalogue.looks, this.session.teams.map(({ scene }) => scene)), html("label", {}, reveal, " show what nobody sees")),
      html("div", { class: "charts" },
        this.kpis,
        figure(this.stock.element, "Units in the line"),
        figure(this.cost.element, "Mean cost a slot"),
        this.session.teams.every(({ scene }) => scene.shortage === "lost") ? null : figure(this.backlog.element, "Backlog"),
        this.flows.map((flow, k) => figure(flow.element, `Cumulative flow, ${this.session.teams[k].name}`, [flow.legend, this.laws[k]]))),
      html("h2", { class: "panels-title" }, "Knobs"),
      html("div", { class: "panels" }, this.panels.map(({ element }) => element)),
      this.tables,
      html("p", { class: "bar" },
        html("button", { onclick: () => window.print() }, "Print score sheet"),
        html("a", { class: "button", href: `/api/session/${this.session.key}/replay`, download: "replay.html" }, "Save replay"),
        html("button", { onclick: () => this.begin() }, "Set up anew")),
    );
  }

  toggle() {
    return this.send({ do: this.last?.playing ? "pause" : "play" });
  }

  /** Show an event of the stream; it has the history since a slot. */
  show(event) {
    this.last = event;
    event.teams.forEach((team, k) => {
      this.histories[k] = [...this.histories[k].slice(0, event.since), ...team.history];
      this.views[k].show(team.frame);
      this.panels[k].show(team);
      this.names[k].textContent = team.name;
      this.flows[k].show(this.histories[k], team.little);
      this._law(k, team.little);
    });
    const teams = event.teams.map((team, k) => ({ ...team, history: this.histories[k] }));
    this.stock.show(teams, event.end);
    this.cost.show(teams, event.end);
    this.backlog.show(teams, event.end);
    this.kpis.replaceChildren(kpiTable(event.teams, catalogue.looks));
    if (event.fault) complain(event.fault);
    this.play.textContent = event.playing ? "Pause" : "Play";
    this.play.disabled = event.slot >= event.end;
    if (![...this.speed.options].some(({ value }) => Number(value) === event.speed)) this.speed.prepend(speedOption(event.speed));
    this.speed.value = String(event.speed);
    this.status.textContent = `slot ${event.slot} of ${event.end} · luck ${event.seed}`;
    if (!event.playing) {
      const words = event.teams.map((team, k) => `${team.name}: ${team.frame ? this.views[k].told(team.frame) : "ready"}`).join(" ");
      if (words !== this.words.textContent) this.words.textContent = words;
      if (this.tables.open) this._tabulate(event);
    }
  }

  _law(k, { wip, throughput, time }) {
    const product = throughput && time ? number(throughput * time) : "–";
    const rule = `Little: ${number(throughput)} units a slot × ${number(time)} slots each, timed, = ${product}.`;
    this.laws[k].textContent = `${rule} Mean units, finished goods included: ${number(wip)}. Units still inside are not timed yet.`;
  }

  _tabulate(event) {
    event.teams.forEach((team, k) => team.frame && this.views[k].tabulate(team.frame, team.name));
  }

  /** Fill the sheet that is printed in the place of the page. */
  fillSheet() {
    const questions = this.lesson ? this.lesson.parts[this.part].questions : [];
    sheet.replaceChildren(...scoreSheet(this.session.title, this.last, catalogue.looks, questions).flat(3).filter(Boolean));
  }
}

function speedOption(value) {
  return html("option", { value }, `${count(value, "slot")} a second`);
}

function showPage(heading, ...content) {
  run?.close();
  firm?.close();
  run = firm = null;
  sheet.replaceChildren();
  title.textContent = heading;
  document.title = heading ? `${heading} · jitgym` : "jitgym: a line to watch";
  main.replaceChildren(...content);
  main.focus({ preventScroll: true });
}

/** Return the session that the address names, if it is still there; so a run outlives Back, a reload and the board. */
async function kept(key, path = `/api/session/${key}`) {
  const answer = key ? await fetch(path).catch(() => null) : null;
  return answer?.ok ? answer.json().catch(() => null) : null;
}

function overview() {
  showPage(
    "",
    html("div", { class: "overview" },
      html("h1", {}, "Ten lessons on a line"),
      html("p", { class: "lead" }, "Each takes about ten minutes. Two lines run side by side and meet the same orders, the same breakdowns, the same late trucks: what differs is what you decide."),
      html("ol", { class: "cards" }, catalogue.lessons.map(({ id, title: text, minutes, teaches }) =>
        html("li", {}, html("a", { href: `#/lesson/${id}/0` }, html("strong", {}, text), html("span", {}, inline(teaches)), html("small", {}, `${minutes} minutes`))))),
      !catalogue.companies.length ? null : html("div", { class: "card-big" },
        html("p", {}, html("strong", {}, "Run a company for ten years."), " Four lines, their suppliers, a budget for improvement: where to begin with just-in-time, what to prepare first, and whether to put the buffer back when it hurts. Against rules of management, under the same luck."),
        html("span", {}, html("a", { class: "button", href: "#/company" }, "Run the company"), " ", html("a", { class: "button", href: "#/case/0" }, "The lesson with tasks, 20 minutes"))),
      html("p", {}, html("a", { class: "button", href: "#/free" }, "Free play: any line, you against any rule"))),
  );
}

async function lessonPage(visit, id, part, key) {
  const lesson = await ask(`/api/lesson/${id}`);
  const session = lesson && ((await kept(key)) ?? (await ask("/api/session", { lesson: id, part })));
  if (visit !== visits) return;
  if (!session) return overview(); // under the complaint
  history.replaceState(null, "", `#/lesson/${id}/${part}/${session.key}`);
  const here = lesson.parts[part];
  const place = catalogue.lessons.findIndex((entry) => entry.id === id);
  const last = part + 1 >= lesson.parts.length;
  const next = !last ? `#/lesson/${id}/${part + 1}` : place + 1 < catalogue.lessons.length ? `#/lesson/${catalogue.lessons[place + 1].id}/0` : "#/";
  showPage(lesson.title);
  run = new Run(session, () => lessonPage(++visits, id, part), lesson, part);
  main.replaceChildren(html("div", { class: "with-text" },
    html("article", { class: "text" },
      html("h1", {}, lesson.title),
      html("p", { class: "steps" }, lesson.parts.map((one, n) => html("a", { href: `#/lesson/${id}/${n}`, class: n === part ? "here" : "", "aria-current": n === part ? "step" : null }, `${n + 1}. ${one.title}`))),
      paragraphs(here.text),
      here.watch.length ? [html("h2", {}, "What to look for"), html("ul", {}, here.watch.map((text) => html("li", {}, inline(text))))] : null,
      here.questions.length ? [html("h2", {}, "Questions"), here.questions.map(({ ask: text, answer }) => html("details", {}, html("summary", {}, inline(text)), paragraphs(answer)))] : null,
      html("p", {}, html("a", { class: "button", href: next }, last ? "Next lesson" : "Next part"))),
    run.element));
}

async function freePage(visit, key) {
  const session = await kept(key);
  if (visit !== visits) return;
  if (session) showRun(session);
  else askForRun();
}

/** What the pages of companies borrow. */
const app = {
  ask,
  showPage,
  overview,
  kept: (path, key) => kept(key, path),
  visits: () => visits,
  get catalogue() {
    return catalogue;
  },
  /** Show a company that somebody runs, beside a text or alone. */
  showFirm(told, address, text = null) {
    history.replaceState(null, "", address);
    showPage(told.title);
    firm = new Firm(told, app);
    main.replaceChildren(text ? html("div", { class: "with-text" }, text, firm.element) : html("div", {}, html("h1", { class: "unseen" }, `The company ${told.company}`), firm.element));
  },
};

async function companyPage(visit, key) {
  if (catalogue.companies.some(({ name }) => name === key)) return companyStart(app, key);
  const told = await kept(key, `/api/company/${key}`);
  if (visit !== visits) return;
  if (told) app.showFirm(told, `#/company/${key}`);
  else companyStart(app, null);
}

/** Show a run that no lesson goes with. */
function showRun(session) {
  history.replaceState(null, "", `#/free/${session.key}`);
  showPage(session.title);
  run = new Run(session, askForRun, null, 0);
  main.replaceChildren(html("h1", { class: "unseen" }, session.title), run.element);
}

function askForRun() {
  const scenario = html("select", { id: "line", onchange: fill }, catalogue.scenarios.map(({ name }) => html("option", { value: name, selected: name === "four_stage" }, name)));
  const about = html("p", { class: "note" });
  const names = [html("input", { value: "Me", maxlength: 40 }), html("input", { value: "The other", maxlength: 40 })];
  const seed = html("input", { type: "number", min: 0, max: Number.MAX_SAFE_INTEGER, value: catalogue.seed });
  const alone = html("input", { type: "checkbox" });
  function fill() {
    about.textContent = catalogue.scenarios.find(({ name }) => name === scenario.value).description;
  }
  fill();
  const begin = async (event) => {
    event.preventDefault();
    const teams = names.slice(0, alone.checked ? 1 : 2).map((input) => ({ name: input.value.trim() || "?" }));
    const session = await ask("/api/session", { scenario: scenario.value, teams, seed: Number(seed.value) });
    if (session) showRun(session);
  };
  history.replaceState(null, "", "#/free");
  showPage("Free play", html("div", { class: "overview" },
    html("h1", {}, "Free play"),
    html("p", { class: "lead" }, "Choose a line and who plays. Under Knobs each line can then be given to a rule: push against pull, kanban against CONWIP, you against the machine."),
    html("form", { class: "form", onsubmit: begin },
      html("label", {}, "Line", scenario), about,
      html("label", {}, "First team", names[0]), html("label", {}, "Second team", names[1]),
      html("label", { class: "row" }, alone, " one line only"),
      html("label", {}, "Luck number", seed),
      html("button", { class: "main" }, "Begin"))));
}

async function boardPage(visit) {
  const board = await ask("/api/board");
  if (!board || visit !== visits) return;
  const rows = board.sessions.flatMap((session) => session.teams.map((team) => ({ session, team })));
  const cell = (value, times = 1) => html("td", {}, value === null ? "–" : number(value * times));
  showPage("Board", html("div", { class: "overview" },
    html("h1", {}, "How the teams stand"),
    rows.length ? html("div", { class: "scroll" }, html("table", { class: "kpis wide" },
      html("thead", {}, html("tr", {}, ["who", "team", "plays", "control", "luck", "slots", "cost a slot", "fill rate %", "WIP", "backlog"].map((text) => html("th", { scope: "col" }, text)))),
      html("tbody", {}, rows.map(({ session, team }) => html("tr", {},
        html("th", { scope: "row" }, session.player || "–"), html("td", {}, team.name), html("td", {}, session.title), html("td", {}, team.control === "hand" ? "by hand" : team.control),
        html("td", {}, session.seed), html("td", {}, `${session.slot} of ${session.end}`),
        cell(team.kpis.cost), cell(team.kpis.fill_rate, 100), cell(team.kpis.wip), cell(team.kpis.backlog))))))
      : board.companies.length ? null : html("p", {}, "Nobody has begun yet."),
    companyBoard(board.companies),
    html("p", {}, html("button", { onclick: () => boardPage(++visits) }, "Look again"))));
}

async function route() {
  const visit = ++visits; // what comes late is not shown any more
  fault.hidden = true;
  const [, page, id, part, key] = location.hash.split("/");
  if (page === "lesson") await lessonPage(visit, id, Number(part) || 0, key);
  else if (page === "free") await freePage(visit, id);
  else if (page === "company") await companyPage(visit, id);
  else if (page === "case") await casePage(app, visit, Number(id) || 0, part);
  else if (page === "board") await boardPage(visit);
  else overview();
}

const KEYS = {
  " ": () => run.toggle(),
  ArrowRight: () => run.send({ do: "step" }),
  d: () => run.send({ do: "step", slots: "decision" }),
  E: () => run.send({ do: "step", slots: "end" }),
  R: () => run.send({ do: "again" }),
  L: () => run.send({ do: "again", seed: Math.floor(Math.random() * 1e6) }),
};

/** Keys of a company. */
const FIRM_KEYS = {
  ArrowRight: () => firm.pass(1),
  q: () => firm.pass(firm.quarter),
  y: () => firm.pass(firm.firm.per_year),
  E: () => firm.pass(firm.end),
  R: () => firm.again(),
  L: () => firm.again(true),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea");
  const pressed = [" ", "Enter"].includes(event.key) && event.target.closest("button, summary, a");
  const keys = run ? KEYS : firm ? FIRM_KEYS : {};
  if (typing || pressed || document.querySelector("dialog[open]") || event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
window.addEventListener("beforeprint", () => {
  if (run?.last) run.fillSheet();
  firm?.printing(true);
});
window.addEventListener("afterprint", () => firm?.printing(false));
window.addEventListener("pagehide", () => firm?.flush());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) firm?.flush();
  if (document.hidden) run?.close();
  else run?.listen();
});
catalogue = await ask("/api/catalogue");
if (catalogue) {
  window.addEventListener("hashchange", route);
  await route();
}

