/** What the signs of a picture mean, and a run in one line of words. */

import { BACKLOG, COST, UNITS } from "./charts.js";
import { unitOf } from "./line.js";
import { html, number, svg } from "./words.js";

/** Return the legend of what can be seen on some lines. */
export function legend(looks, scenes) {
  const stages = scenes.flatMap((scene) => scene.stages);
  const products = scenes[0].products;
  const can = {
    setup: products.length > 1,
    down: stages.some(({ fails }) => fails),
    waiting: stages.some(({ fails }) => fails),
    pm: stages.some(({ maintained }) => maintained),
    stopped: stages.some(({ inspects }) => inspects),
  };
  const states = looks.machine.filter(({ name }) => can[name] ?? true);
  return html(
    "ul",
    { class: "legend", "aria-label": "legend" },
    states.map(({ name, label }) => html("li", {}, swatch(svg("rect", { x: 1, y: 1, width: 12, height: 12, rx: 3, class: `machine m-${name}` })), label)),
    products.map((name, p) => html("li", {}, swatch(unitOf(products, p, 2, 2)), name)),
    html("li", {}, swatch(svg("rect", { x: 3, y: 2, width: 8, height: 10, rx: 1.5, class: "card used" })), "card in use"),
    html("li", {}, swatch(svg("rect", { x: 3, y: 2, width: 8, height: 10, rx: 1.5, class: "card" })), "free card"),
    html("li", {}, swatch(svg("rect", { x: 3, y: 2, width: 9, height: 11, rx: 1.5, class: "slip" })), "order not yet shipped"),
  );
}

function swatch(shape) {
  return svg("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" }, shape);
}

/** Return a history in words. */
export function kpiLine(history) {
  if (!history.length) return "not begun";
  const cost = history.reduce((total, row) => total + row.at(COST), 0) / history.length;
  const last = history.at(-1);
  return `${number(last.at(UNITS))} units in the line, backlog ${last.at(BACKLOG)}, ${number(cost)} a slot so far`;
}
