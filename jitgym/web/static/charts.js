/** Charts of a run: the cumulative flow of a line with Little's law, and what two lines cost and hold. */

import { html, number, svg } from "./words.js";

const SIZE = { width: 340, height: 170 };
const ROOM = { left: 36, right: 10, top: 14, bottom: 26 };
const WINDOW = 80;

/** The places in a row of history after the curves of the flow, see team.py. */
export const LEFT = -4;
export const UNITS = -3;
export const BACKLOG = -2;
export const COST = -1;

function axes(root, [x0, x1], [y0, y1]) {
  const x = (value) => ROOM.left + ((value - x0) / Math.max(1e-9, x1 - x0)) * (SIZE.width - ROOM.left - ROOM.right);
  const y = (value) => SIZE.height - ROOM.bottom - ((value - y0) / Math.max(1e-9, y1 - y0)) * (SIZE.height - ROOM.top - ROOM.bottom);
  root.replaceChildren();
  for (const value of ticks(y0, y1, 4)) {
    root.append(
      svg("path", { d: `M ${ROOM.left} ${y(value)} H ${SIZE.width - ROOM.right}`, class: "grid" }),
      svg("text", { x: ROOM.left - 5, y: y(value) + 4, class: "tick end" }, String(value)),
    );
  }
  for (const value of ticks(x0, x1, 4)) {
    const text = `${value === 0 ? "slot " : ""}${value}`;
    root.append(svg("text", { x: x(value), y: SIZE.height - 10, class: "tick middle" }, text));
  }
  return [x, y];
}

export function ticks(low, high, about) {
  const raw = (high - low) / about;
  if (!(raw > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= raw);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + 1e-9; value += step) found.push(Number(value.toPrecision(12)));
  return found;
}

/** A cumulative flow diagram: who entered, who is past each machine, who left; what lies between is stock. */
export class FlowChart {
  constructor(scene) {
    this.path = [0];
    while (scene.stages[this.path.at(-1)].feeds < scene.stages.length) this.path.push(scene.stages[this.path.at(-1)].feeds);
    this.names = this.path.map((i) => scene.stages[i].name);
    this.element = svg("svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", class: "chart" });
  }

  /** Draw the last slots of a history; each row of it is a slot. */
  show(history, little) {
    const rows = history.slice(-WINDOW);
    const first = history.length - rows.length + 1;
    const curves = this.path.length + 2;
    const at = (row, k) => row[k];
    const low = rows.length ? rows[0][curves - 1] : 0;
    const high = rows.length ? rows.at(-1)[0] : 1;
    const [x, y] = axes(this.element, [first, Math.max(first + 20, history.length)], [low, Math.max(low + 5, high)]);
    for (let k = 0; k + 1 < curves && rows.length > 1; k++) {
      const upper = rows.map((row, n) => `${x(first + n)} ${y(at(row, k))}`);
      const lower = rows.map((row, n) => `${x(first + n)} ${y(at(row, k + 1))}`).reverse();
      this.element.append(svg("path", { d: `M ${upper.join(" L ")} L ${lower.join(" L ")} Z`, class: `band b${k % 6}` }));
    }
    if (rows.length > 1) this._law(rows, first, curves, x, y);
    const { wip, throughput, time } = little;
    const timed = time === null ? "" : `, mean time ${number(time)} slots`;
    this.element.setAttribute("aria-label", `Cumulative flow. Mean units ${number(wip)}, throughput ${number(throughput)} a slot${timed}.`);
  }

  /** What the bands are, in their order. */
  get legend() {
    const names = this.names.map((name, k) => (k ? `after ${this.names[k - 1]}, before ${name} is done` : `before ${name} is done`));
    const bands = [...names, "finished goods"];
    return html("ul", { class: "legend" }, bands.map((text, k) =>
      html("li", {}, svg("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" }, svg("rect", { x: 1, y: 1, width: 12, height: 12, class: `band b${k % 6}` })), text)));
  }

  /** Two arrows: WIP is the height between in and out now; the width is the time of the unit that has left last. */
  _law(rows, first, curves, x, y) {
    const now = rows.at(-1);
    const [inside, outside] = [now[0], now[curves - 1]];
    const right = first + rows.length - 1;
    const draw = (path) => this.element.append(svg("path", { d: path, class: "law-below" }), svg("path", { d: path, class: "law" }));
    if (inside > outside) draw(`M ${x(right) - 3} ${y(inside)} V ${y(outside)}`);
    // a unit that entered before the window comes in at its left edge
    const entered = rows.findIndex((row) => row[0] >= outside);
    const gone = rows.findIndex((row) => row[curves - 1] >= outside);
    if (entered >= 0 && gone > entered) draw(`M ${x(first + entered)} ${y(outside)} H ${x(first + gone)}`);
  }
}

/** Lines of several teams over the slots of a run. */
export class TeamChart {
  constructor(label, read) {
    this.label = label;
    this.read = read;
    this.element = svg("svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", class: "chart" });
  }

  show(teams, end) {
    const series = teams.map(({ history }) => this.read(history));
    const high = Math.max(1, ...series.flat());
    const [x, y] = axes(this.element, [0, end], [0, high]);
    const names = [];
    series.forEach((values, k) => {
      const skip = Math.max(1, Math.floor(values.length / 400));
      const points = values.map((value, n) => [n, value]).filter(([n]) => n % skip === 0 || n === values.length - 1);
      if (points.length > 1) {
        this.element.append(svg("path", { d: `M ${points.map(([n, value]) => `${x(n + 1)} ${y(value)}`).join(" L ")}`, class: `team t${k}` }));
      }
      if (points.length) names.push({ k, at: x(points.at(-1)[0] + 1), y: y(points.at(-1)[1]) - 4, text: `${teams[k].name} ${number(points.at(-1)[1])}` });
    });
    apart(names).forEach(({ k, at, y: height, text }) => {
      const left = at > SIZE.width / 2;
      this.element.append(svg("text", { x: at + (left ? -3 : 3), y: height, class: `team-name n${k}${left ? " end" : ""}` }, text));
    });
    this.element.setAttribute("aria-label", `${this.label}: ${teams.map(({ name }, k) => `${name} ${number(series[k].at(-1))}`).join(", ")}`);
  }
}

/** Return labels so high that they can be read one above the other. */
function apart(labels) {
  const sorted = [...labels].sort((a, b) => a.y - b.y);
  let least = ROOM.top + 6;
  for (const label of sorted) {
    label.y = Math.max(label.y, least);
    least = label.y + 13;
  }
  return sorted;
}

/** Return the mean cost a slot up to every slot. */
export function meanCost(history) {
  let total = 0;
  return history.map((row, n) => (total += row.at(COST)) / (n + 1));
}

/** Return the units in the line after every slot. */
export function unitsInside(history) {
  return history.map((row) => row.at(UNITS));
}

/** Return the backlog after every slot. */
export function owed(history) {
  return history.map((row) => row.at(BACKLOG));
}
