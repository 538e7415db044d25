/** A recorded run: lines, charts and a slider through time; for replays and notebooks. */

import { FlowChart, LEFT, TeamChart, meanCost, unitsInside } from "./charts.js";
import { LineView } from "./line.js";
import { kpiLine, legend } from "./legend.js";
import { html, unfolded } from "./words.js";

/** Return an element that plays a recording: `replay_data` of replay.py. */
export function player(data) {
  const teams = data.teams.map((team) => ({ ...team, frames: unfolded(team.frames) }));
  const end = Math.max(...teams.map(({ frames }) => frames.length));
  const views = teams.map(({ scene }) => new LineView(scene, data.looks));
  const flows = teams.map(({ scene }) => new FlowChart(scene));
  const stock = new TeamChart("units in the line", unitsInside);
  const cost = new TeamChart("mean cost a slot", meanCost);
  const told = html("p", { class: "told" });
  const slider = html("input", { type: "range", min: 1, max: end, value: 1, "aria-label": "slot", oninput: () => show(Number(slider.value)) });
  const button = html("button", { class: "main", onclick: () => play(!timer) }, "Play");
  const speed = html("select", { "aria-label": "slots a second" }, [2, 5, 10, 25, 100].map((value) =>
    html("option", { value, selected: value === 10 }, `${value} slots a second`)));
  let timer = null;
  let begun = 0;
  let from = 1;

  function show(slot) {
    slider.value = slot;
    const past = teams.map((team) => ({ ...team, history: team.history.slice(0, slot) }));
    views.forEach((view, k) => view.show(teams[k].frames[Math.min(slot, teams[k].frames.length) - 1]));
    flows.forEach((flow, k) => flow.show(past[k].history, little(past[k].history)));
    stock.show(past, end);
    cost.show(past, end);
    told.textContent = `Slot ${slot} of ${end}. ${past.map((team) => `${team.name}: ${kpiLine(team.history)}`).join(". ")}`;
  }

  function tick() {
    const slot = Math.min(end, from + Math.floor(((performance.now() - begun) / 1000) * Number(speed.value)));
    if (slot !== Number(slider.value)) show(slot);
    if (slot >= end) play(false);
    else timer = requestAnimationFrame(tick);
  }

  function play(on) {
    if (timer) cancelAnimationFrame(timer);
    timer = null;
    button.textContent = on ? "Pause" : "Play";
    if (!on) return;
    if (Number(slider.value) >= end) show(1);
    [begun, from] = [performance.now(), Number(slider.value)];
    timer = requestAnimationFrame(tick);
  }

  speed.addEventListener("change", () => timer && play(true));
  const step = (by) => () => {
    play(false);
    show(Math.max(1, Math.min(end, Number(slider.value) + by)));
  };
  const reveal = html("input", { type: "checkbox", onchange: (event) => views.forEach((view) => view.reveal(event.target.checked)) });
  show(1);
  const element = html(
    "div",
    { class: "player" },
    html("div", { class: "bar" }, button,
      html("button", { onclick: step(-1), "aria-label": "one slot back" }, "◂ 1"),
      html("button", { onclick: step(1), "aria-label": "one slot on" }, "1 ▸"),
      slider, speed, html("label", {}, reveal, " show what nobody sees")),
    told,
    teams.map((team, k) => html("section", { class: "strip" }, html("h2", { class: `n${k}` }, team.name), views[k].element)),
    legend(data.looks, teams.map(({ scene }) => scene)),
    html("div", { class: "charts" },
      flows.map((flow, k) => figure([flow.element, flow.legend], `Cumulative flow, ${teams[k].name}`)),
      figure(stock.element, "Units in the line"), figure(cost.element, "Mean cost a slot")),
  );
  element.stop = () => play(false);
  return element;
}

/** What can be read off a history; how long units took is not in it. */
function little(history) {
  if (!history.length) return { wip: null, throughput: null, time: null };
  const wip = history.reduce((total, row) => total + row[0] - row.at(LEFT), 0) / history.length;
  const throughput = history.at(-1).at(LEFT) / history.length;
  return { wip, throughput, time: null };
}

function figure(element, caption) {
  return html("figure", {}, html("figcaption", {}, caption), element);
}

