/** The teaching page: lessons, free play, the board; each run is a session of the server, shown as it streams in. */

import { FlowChart, TeamChart, meanCost, owed, unitsInside } from "./charts.js";
import { legend } from "./legend.js";
import { LineView } from "./line.js";
import { Panel } from "./panel.js";
import { kpiTable, scoreSheet } from "./sheet.js";
import { count, html, inline, number, paragraphs } from "./words.js";

const main = document.getElementById("main");
const title = document.getElementById("title");
const fault = document.getElementById("fault");
const SPEEDS = [1, 2, 4, 8, 16, 40, 100, 400];
let catalogue = null;
let run = null;

async function ask(path, body) {
  const sent = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let answer = null;
  try {
    answer = await fetch(path, sent);
  } catch {
    return complain("The server does not answer. Is `jitgym teach` still running?");
  }
  const data = await answer.json();
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
  constructor(session, begin, heading, lesson, part) {
    this.session = session;
    this.begin = begin;
    this.heading = heading;
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
    this.stream = new EventSource(`/api/session/${session.key}/events`);
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
    this.status = html("span", { class: "status", role: "status" });
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
      html("div", { class: "bar", role: "toolbar", "aria-label": "Run" },
        this.play,
        button("1 ▸", "One slot", () => this.send({ do: "step" }), "arrow right"),
        button("▸ decision", "To the next decision", () => this.send({ do: "step", slots: "decision" }), "d"),
        button("▸▸ end", "To the end", () => this.send({ do: "step", slots: "end" }), "e"),
        this.speed,
        button("Again", "Again, under the same luck", () => this.send({ do: "again" }), "r"),
        button("Other luck", "Again, under other luck", () => this.send({ do: "again", seed: Math.floor(Math.random() * 1e6) }), "l"),
        this.status),
      this.words,
      html("div", { class: this.session.teams.some(({ scene }) => scene.rows > 1) ? "lines beside" : "lines" }, this.views.map((view, k) => html("section", { class: "strip", "aria-label": this.session.teams[k].name }, this.names[k], view.element))),
      html("div", { class: "under" }, legend(catalogue.looks, this.session.teams.map(({ scene }) => scene)), html("label", {}, reveal, " show what nobody sees")),
      html("div", { class: "charts" },
        this.kpis,
        figure(this.stock.element, "Units in the line"),
        figure(this.cost.element, "Mean cost a slot"),
        this.session.teams.every(({ scene }) => scene.shortage === "lost") ? null : figure(this.backlog.element, "Backlog"),
        this.flows.map((flow, k) => figure(flow.element, `Cumulative flow, ${this.session.teams[k].name}`, this.laws[k]))),
      html("h2", { class: "panels-title" }, "Knobs"),
      html("div", { class: "panels" }, this.panels.map(({ element }) => element)),
      this.tables,
      html("p", { class: "bar" },
        html("button", { onclick: () => this.print() }, "Print score sheet"),
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
    this.laws[k].textContent = `Little: ${number(throughput)} units a slot × ${number(time)} slots each = ${product}. Mean WIP: ${number(wip)}`;
  }

  _tabulate(event) {
    event.teams.forEach((team, k) => team.frame && this.views[k].tabulate(team.frame));
  }

  print() {
    const questions = this.lesson ? this.lesson.parts[this.part].questions : [];
    document.getElementById("sheet").replaceChildren(...scoreSheet(this.heading, this.last, catalogue.looks, questions).flat(3).filter(Boolean));
    window.print();
  }
}

function speedOption(value) {
  return html("option", { value }, `${count(value, "slot")} a second`);
}

function showPage(heading, ...content) {
  run?.close();
  run = null;
  title.textContent = heading;
  document.title = heading ? `${heading} · jitgym` : "jitgym: a line to watch";
  main.replaceChildren(...content);
}

function overview() {
  showPage(
    "",
    html("div", { class: "overview" },
      html("h1", {}, "Ten lessons on a line"),
      html("p", { class: "lead" }, "Each takes about ten minutes. Two lines run side by side and meet the same orders, the same breakdowns, the same late trucks: what differs is what you decide."),
      html("ol", { class: "cards" }, catalogue.lessons.map(({ id, title: text, minutes, teaches }) =>
        html("li", {}, html("a", { href: `#/lesson/${id}/0` }, html("strong", {}, text), html("span", {}, inline(teaches)), html("small", {}, `${minutes} minutes`))))),
      html("p", {}, html("a", { class: "button", href: "#/free" }, "Free play: any line, you against any rule"))),
  );
}

async function lessonPage(id, part) {
  const lesson = await ask(`/api/lesson/${id}`);
  const session = lesson && (await ask("/api/session", { lesson: id, part }));
  if (!session) return;
  const here = lesson.parts[part];
  const place = catalogue.lessons.findIndex((entry) => entry.id === id);
  const next = part + 1 < lesson.parts.length ? `#/lesson/${id}/${part + 1}` : place + 1 < catalogue.lessons.length ? `#/lesson/${catalogue.lessons[place + 1].id}/0` : "#/";
  const heading = `${lesson.title}: ${here.title}`;
  const begin = async () => {
    await lessonPage(id, part);
    main.focus({ preventScroll: true });
  };
  showPage(lesson.title);
  run = new Run(session, begin, heading, lesson, part);
  main.replaceChildren(html("div", { class: "with-text" },
    html("article", { class: "text" },
      html("h1", {}, lesson.title),
      html("p", { class: "steps" }, lesson.parts.map((one, n) => html("a", { href: `#/lesson/${id}/${n}`, class: n === part ? "here" : "", "aria-current": n === part ? "step" : null }, `${n + 1}. ${one.title}`))),
      paragraphs(here.text),
      here.watch.length ? [html("h2", {}, "What to look for"), html("ul", {}, here.watch.map((text) => html("li", {}, inline(text))))] : null,
      here.questions.length ? [html("h2", {}, "Questions"), here.questions.map(({ ask: text, answer }) => html("details", {}, html("summary", {}, inline(text)), paragraphs(answer)))] : null,
      html("p", {}, html("a", { class: "button", href: next }, part + 1 < lesson.parts.length ? "Next part" : "Next lesson"))),
    run.element));
}

function freePage() {
  const scenario = html("select", { id: "line", onchange: fill }, catalogue.scenarios.map(({ name }) => html("option", { value: name, selected: name === "four_stage" }, name)));
  const about = html("p", { class: "note" });
  const names = [html("input", { value: "Me", maxlength: 40 }), html("input", { value: "The other", maxlength: 40 })];
  const seed = html("input", { type: "number", min: 0, max: 1e9, value: catalogue.seed });
  const alone = html("input", { type: "checkbox" });
  function fill() {
    const chosen = catalogue.scenarios.find(({ name }) => name === scenario.value);
    about.textContent = chosen.description;
  }
  fill();
  const begin = async () => {
    const teams = names.slice(0, alone.checked ? 1 : 2).map((input) => ({ name: input.value.trim() || "?", control: "hand" }));
    const session = await ask("/api/session", { scenario: scenario.value, teams, seed: Number(seed.value) });
    if (!session) return;
    showPage(scenario.value);
    run = new Run(session, begin, scenario.value, null, 0);
    main.replaceChildren(run.element);
  };
  showPage("Free play", html("div", { class: "overview" },
    html("h1", {}, "Free play"),
    html("p", { class: "lead" }, "Choose a line and who plays. Under Knobs each line can then be given to a rule: push against pull, kanban against CONWIP, you against the machine."),
    html("form", { class: "form", onsubmit: (event) => { event.preventDefault(); begin(); } },
      html("label", {}, "Line", scenario), about,
      html("label", {}, "First team", names[0]), html("label", {}, "Second team", names[1]),
      html("label", { class: "row" }, alone, " one line only"),
      html("label", {}, "Luck number", seed),
      html("button", { class: "main" }, "Begin"))));
}

async function boardPage() {
  const board = await ask("/api/board");
  if (!board) return;
  const rows = board.sessions.flatMap((session) => session.teams.map((team) => ({ session, team })));
  const cell = (value, times = 1) => html("td", {}, value === null ? "–" : number(value * times));
  showPage("Board", html("div", { class: "overview" },
    html("h1", {}, "How the teams stand"),
    rows.length ? html("table", { class: "kpis wide" },
      html("thead", {}, html("tr", {}, ["team", "plays", "control", "luck", "slots", "cost a slot", "fill rate %", "WIP", "backlog"].map((text) => html("th", { scope: "col" }, text)))),
      html("tbody", {}, rows.map(({ session, team }) => html("tr", {},
        html("th", { scope: "row" }, team.name), html("td", {}, session.title), html("td", {}, team.control === "hand" ? "by hand" : team.control),
        html("td", {}, session.seed), html("td", {}, `${session.slot} of ${session.end}`),
        cell(team.kpis.cost), cell(team.kpis.fill_rate, 100), cell(team.kpis.wip), cell(team.kpis.backlog)))))
      : html("p", {}, "Nobody has begun yet."),
    html("p", {}, html("button", { onclick: boardPage }, "Look again"))));
}

async function route() {
  fault.hidden = true;
  const [, page, id, part] = location.hash.split("/");
  if (page === "lesson") await lessonPage(id, Number(part) || 0);
  else if (page === "free") freePage();
  else if (page === "board") await boardPage();
  else overview();
  main.focus({ preventScroll: true });
}

const KEYS = {
  " ": () => run.toggle(),
  ArrowRight: () => run.send({ do: "step" }),
  d: () => run.send({ do: "step", slots: "decision" }),
  e: () => run.send({ do: "step", slots: "end" }),
  r: () => run.send({ do: "again" }),
  l: () => run.send({ do: "again", seed: Math.floor(Math.random() * 1e6) }),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea");
  const pressed = [" ", "Enter"].includes(event.key) && event.target.closest("button, summary, a");
  if (!run || typing || pressed || event.ctrlKey || event.altKey || event.metaKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
window.addEventListener("hashchange", route);
catalogue = await ask("/api/catalogue");
if (catalogue) await route();

