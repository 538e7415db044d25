/** A line as a picture: stages, stores, cards, trucks and customers; drawn from a scene and a frame, see scene.py. */

import { count, html, sum, svg } from "./words.js";

const CELL = { width: 176, height: 152 };
const LANE = 48;
const BAND = 22;
const ROAD = 190;
const CUSTOMER = 132;
const UNIT = 9;
const SIGNS = { busy: "", setup: "⇄", starved: "…", blocked: "II", down: "×", waiting: "?", pm: "+", stopped: "!" };
const WORDS = { kanban: "cards", loop: "loop", basestock: "base stock", lot: "lot", release: "release a step", pm_level: "PM at" };

/** Draws one line. */
export class LineView {
  /**
   * @param scene what does not change: `scene_of` of scene.py.
   * @param looks names: `looks` of looks.py.
   */
  constructor(scene, looks) {
    this.scene = scene;
    this.looks = looks;
    this.hidden = false;
    this.loops = scene.knobs.map((knob, place) => ({ ...knob, column: place })).filter((knob) => knob.kind === "loop");
    this.lanes = lanesOf(scene);
    this.left = scene.suppliers.length ? ROAD + 14 : 34;
    this.width = this.left + scene.columns * CELL.width + CUSTOMER;
    this.fixed = svg("g");
    this.moving = svg("g");
    this.element = svg("svg", { role: "img", class: "line", preserveAspectRatio: "xMidYMid meet" }, this.fixed, this.moving);
    this.table = html("table", { class: "plain" });
    this._layOut(0);
  }

  /** Make room above the line for some loops of cards, and draw what does not move. */
  _layOut(bands) {
    this.bands = bands;
    this.top = bands * BAND + 4;
    this.bottom = this.top + this.scene.rows * CELL.height;
    const below = Math.max(0, ...this.lanes.map(({ beside, place }) => (beside ? 0 : place + 1)));
    const height = this.bottom + below * LANE + 2;
    this.element.setAttribute("viewBox", `0 0 ${this.width} ${height}`);
    // a short line is not blown up, and a tall one is not pressed into a strip
    this.element.style.minWidth = `${Math.round(0.7 * this.width)}px`;
    this.element.style.maxHeight = `max(${Math.round(0.75 * height)}px, min(${Math.round(1.15 * height)}px, 26rem))`;
    this.fixed.replaceChildren();
    this._drawFixed();
  }

  /** Show what nobody on the shop floor knows, or not. */
  reveal(hidden) {
    this.hidden = hidden;
    if (this.frame) this.show(this.frame);
  }

  /** Draw a frame; null is the line before its first slot. */
  show(frame) {
    this.frame = frame;
    this.moving.replaceChildren();
    const bands = frame ? Math.min(3, this.loops.filter(({ column }) => frame.knobs[column] !== null).length) : this.bands;
    if (bands !== this.bands) this._layOut(bands);
    if (!frame) {
      this.element.setAttribute("aria-label", `${this.scene.name}, before the first slot`);
      return;
    }
    this.scene.stages.forEach((stage, i) => this._stage(stage, i, frame));
    this._loops(frame);
    this.scene.items.forEach((item, k) => this._item(item, k, frame));
    this.scene.suppliers.forEach((supplier, j) => this._supplier(supplier, j, frame));
    this._customers(frame);
    this.element.setAttribute("aria-label", this.told(frame));
  }

  /** Return a frame in words. */
  told(frame) {
    const { stages, suppliers, items } = this.scene;
    const parts = stages.map((stage, i) => {
      const machine = this.looks.machine[frame.machine[i]].label;
      return `${stage.name}: ${machine}, queue ${sum(frame.queue[i])}, store ${sum(frame.store[i])}`;
    });
    items.forEach((item, k) => parts.push(`${item.name}: ${count(frame.stock[k], "unit")}`));
    suppliers.forEach((supplier, j) => {
      if (frame.overdue[j]) parts.push(`${supplier.name} is late with ${count(frame.overdue[j], "unit")}`);
    });
    parts.push(`customers ${this._customerWords(frame).join(", ")}`);
    return `Slot ${frame.slot}. ${parts.join(". ")}.`;
  }

  /** Write a frame into the table, for those who would rather read. */
  tabulate(frame, team) {
    const head = ["stage", "machine", "queue", "in machine", "store", "limits"];
    const { items, suppliers } = this.scene;
    const others = [
      ...suppliers.map((supplier, j) => [supplier.name, `${count(sum(frame.trucks[j].map(([, units]) => units)), "unit")} under way, ${frame.overdue[j]} overdue`]),
      ...items.map((item, k) => [item.name, `${count(frame.stock[k], "unit")} in stock`]),
      ["customers", this._customerWords(frame).join(", ")],
    ];
    const rows = this.scene.stages.map((stage, i) => [
      stage.name,
      this.looks.machine[frame.machine[i]].label,
      sum(frame.queue[i]),
      sum(frame.job[i]),
      sum(frame.store[i]),
      this._limits(i, frame).map(([word, value]) => `${word} ${value}`).join(", ") || "none",
    ]);
    this.table.replaceChildren(
      html("caption", {}, `${team} after slot ${frame.slot}`),
      html("thead", {}, html("tr", {}, head.map((text) => html("th", { scope: "col" }, text)))),
      html("tbody", {}, rows.map(([name, ...cells]) =>
        html("tr", {}, html("th", { scope: "row" }, name), cells.map((cell) => html("td", {}, String(cell)))))),
      html("tbody", {}, others.map(([name, text]) => html("tr", {}, html("th", { scope: "row" }, name), html("td", { colspan: 5 }, text)))),
    );
  }

  _at(i) {
    const { column, row } = this.scene.stages[i];
    return [this.left + column * CELL.width, this.top + row * CELL.height];
  }

  _drawFixed() {
    const { stages, items, suppliers } = this.scene;
    stages.forEach((stage, i) => {
      const [x, y] = this._at(i);
      this._arrow(stage, x, y);
      if (!stages.some((other) => other.feeds === i) && !items.some((item) => item.stage === i)) {
        this.fixed.append(svg("path", { d: `M ${x - 26} ${y + 76} h 26 m -6 -4 l 6 4 l -6 4`, class: "flow" }));
      }
      this.fixed.append(
        svg("rect", { x: x + 2, y: y + 2, width: CELL.width - 14, height: CELL.height - 8, rx: 8, class: "cell" }),
        svg("text", { x: x + 10, y: y + 20, class: "name" }, shortened(stage.name, 20)),
      );
    });
    const right = this.left + this.scene.columns * CELL.width;
    this.fixed.append(
      svg("rect", { x: right + 4, y: this.top + 2, width: CUSTOMER - 10, height: CELL.height - 8, rx: 8, class: "cell soft" }),
      svg("text", { x: right + 14, y: this.top + 20, class: "name" }, "customers"),
    );
    suppliers.forEach((supplier, j) => {
      const [from, end, y] = this._road(j);
      this.fixed.append(
        svg("text", { x: from, y: y - 14, class: "small strong" }, shortened(supplier.name, 24)),
        svg("path", { d: `M ${from} ${y + 9} H ${end}`, class: "road" }),
      );
    });
    items.forEach((item, k) => {
      const [x, y] = this._at(item.stage);
      const [bin, lane, beside] = this._bin(k);
      const way = beside ? `M ${bin + 34} ${lane} H ${x}` : `M ${bin + 17} ${lane - 16} V ${y + CELL.height - 6}`;
      this.fixed.append(svg("path", { d: way, class: "flow thin" }));
    });
  }

  _arrow(stage, x, y) {
    const customer = stage.feeds >= this.scene.stages.length;
    const [to, other] = customer ? [this.left + this.scene.columns * CELL.width + 4, this.top] : this._at(stage.feeds);
    const bend = y === other ? "" : `C ${to - 8} ${y + 76}, ${x + CELL.width - 4} ${other + 76}, `;
    const path = bend ? `M ${x + CELL.width - 12} ${y + 76} ${bend}${to} ${other + 76}` : `M ${x + CELL.width - 12} ${y + 76} H ${to}`;
    this.fixed.append(svg("path", { d: `${path} m -6 -4 l 6 4 l -6 4`, class: "flow" }));
  }

  /** Where the store of an item stands: beside the first stage of a row, or in a lane below the line. */
  _bin(k) {
    const first = this.scene.suppliers.findIndex((supplier) => supplier.item === k);
    const [x] = this._at(this.scene.items[k].stage);
    const { beside } = this.lanes[first];
    return [beside ? x - 46 : x + 6, this._lane(first), beside];
  }

  _lane(j) {
    const { beside, place, of } = this.lanes[j];
    if (!beside) return this.bottom + place * LANE + 26;
    const y = this._at(this.scene.items[this.scene.suppliers[j].item].stage)[1];
    return y + 76 + (place - (of - 1) / 2) * LANE;
  }

  _road(j) {
    const [bin] = this._bin(this.scene.suppliers[j].item);
    return [6, bin - 4, this._lane(j)];
  }

  _stage(stage, i, frame) {
    const [x, y] = this._at(i);
    const state = this.looks.machine[frame.machine[i]];
    const g = this.moving;
    g.append(
      svg("text", { x: x + 10, y: y + 35, class: "small" }, state.word),
      svg("rect", { x: x + 56, y: y + 46, width: 54, height: 54, rx: 7, class: `machine m-${state.name}` }),
    );
    if (SIGNS[state.name]) g.append(svg("text", { x: x + 83, y: y + 81, class: `sign s-${state.name}` }, SIGNS[state.name]));
    g.append(this._units(frame.queue[i], x + 12, y + 100), this._units(frame.store[i], x + 118, y + 100));
    if (sum(frame.job[i])) g.append(this._units(frame.job[i], x + 68, y + 97, 3, state.name === "busy" ? 5 : 1));
    g.append(
      svg("text", { x: x + 28, y: y + 114, class: "count" }, String(sum(frame.queue[i]))),
      svg("text", { x: x + 134, y: y + 114, class: "count" }, String(sum(frame.store[i]))),
    );
    if (stage.wears) g.append(svg("text", { x: x + 83, y: y + 114, class: "count faint" }, `wear ${frame.reading[i]}`));
    this._cards(i, x, y, frame);
    if (this.hidden) this._hidden(i, x, y, frame);
  }

  /** Units as shapes, one kind for every product: colour alone would not tell them apart. */
  _units(counts, x, y, columns = 3, rows = 5) {
    const shapes = [];
    const most = columns * rows;
    counts.forEach((many, product) => {
      for (let n = 0; n < many && shapes.length < most; n++) {
        const k = shapes.length;
        shapes.push(unitOf(this.scene.products, product, x + (k % columns) * (UNIT + 2), y - (Math.floor(k / columns) + 1) * (UNIT + 2) + 2));
      }
    });
    const more = sum(counts) - shapes.length;
    const g = svg("g", {}, shapes);
    if (more > 0 && rows > 1) g.append(svg("text", { x: x + 16, y: y - rows * (UNIT + 2), class: "small more" }, `+${more}`));
    return g;
  }

  /** The limits of a stage that are on: pairs of a word and what is used of what is allowed. */
  _limits(i, frame) {
    const found = [];
    this.scene.knobs.forEach((knob, k) => {
      const value = frame.knobs[k];
      if (knob.place !== i || value === null || !(knob.kind in WORDS) || knob.kind === "loop") return;
      const local = frame.queue[i][knob.product] + frame.job[i][knob.product] + frame.store[i][knob.product];
      const used = knob.kind === "kanban" ? `${local}/${value}` : String(value);
      if (knob.kind !== "lot" || value > 1) found.push([this._word(knob), used, knob, local, value]);
    });
    return found;
  }

  _word(knob) {
    const product = knob.kind === "pm_level" ? "" : this.scene.products[knob.product];
    return product ? `${WORDS[knob.kind]} ${product}` : WORDS[knob.kind];
  }

  _cards(i, x, y, frame) {
    const limits = this._limits(i, frame);
    const kanbans = limits.filter(([, , knob]) => knob.kind === "kanban");
    let line = y + 128;
    for (const [, , knob, local, value] of kanbans) {
      if (value > 14 || kanbans.length > 1) continue;
      for (let n = 0; n < value; n++) {
        const used = n < local;
        this.moving.append(svg("rect", { x: x + 12 + n * 10.5, y: line - 8, width: 8, height: 10, rx: 1.5, class: used ? "card used" : "card" }));
      }
      line += 12;
    }
    const drawn = kanbans.length === 1 && kanbans[0][4] <= 14;
    const words = {};
    for (const [, used, knob] of limits) {
      if (drawn && knob.kind === "kanban") continue;
      const product = knob.kind === "pm_level" ? "" : this.scene.products[knob.product];
      (words[WORDS[knob.kind]] ??= []).push(product ? `${product} ${used}` : used);
    }
    Object.entries(words).slice(0, 2).forEach(([word, values], n) => {
      const text = shortened(`${word} ${values.join(", ")}`, 30);
      this.moving.append(svg("text", { x: x + 12, y: line + 12 * n, class: "tiny" }, text));
    });
  }

  _hidden(i, x, y, frame) {
    const { queue, job, store, shifted } = frame.hidden;
    for (const [bad, at] of [[queue[i], x + 28], [job[i], x + 83], [store[i], x + 134]]) {
      if (bad) this.moving.append(svg("text", { x: at, y: y + 44, class: "bad" }, `${bad} bad`));
    }
    if (shifted[i]) this.moving.append(svg("rect", { x: x + 52, y: y + 42, width: 62, height: 62, rx: 9, class: "shifted" }));
  }

  _loops(frame) {
    let band = 0;
    for (const knob of this.loops) {
      const limit = frame.knobs[knob.column];
      if (limit === null || band > 2) continue;
      const path = this._path(knob.place, knob.end);
      const used = sum(path.map((i) => frame.queue[i][knob.product] + frame.job[i][knob.product] + frame.store[i][knob.product]));
      const y = 10 + band * BAND;
      const from = this._at(knob.place)[0] + 6;
      const to = this._at(knob.end)[0] + CELL.width - 18;
      const first = !this.scene.stages.some(({ feeds }) => feeds === knob.place);
      const whole = first && knob.end === this.scene.stages.length - 1 ? "CONWIP" : "loop";
      const product = this.scene.products[knob.product];
      this.moving.append(
        svg("path", { d: `M ${from} ${y + 12} V ${y} H ${to} V ${y + 12}`, class: "loop" }),
        svg("text", { x: (from + to) / 2, y: y + 12, class: "small middle" }, `${whole}${product ? ` ${product}` : ""}: ${used} of ${limit} cards out`),
      );
      band += 1;
    }
  }

  _path(from, end) {
    const path = [from];
    while (path.at(-1) !== end) path.push(this.scene.stages[path.at(-1)].feeds);
    return path;
  }

  _item(item, k, frame) {
    const [x, y] = this._bin(k);
    const stock = frame.stock[k];
    const few = Math.min(stock, 12);
    this.moving.append(svg("rect", { x, y: y - 14, width: 34, height: 26, rx: 4, class: stock ? "bin" : "bin empty" }));
    for (let n = 0; n < few; n++) {
      this.moving.append(svg("rect", { x: x + 3 + (n % 4) * 7.4, y: y + 4 - Math.floor(n / 4) * 7.4, width: 6, height: 6, class: "part" }));
    }
    const bad = this.hidden && frame.hidden.stock[k] ? `, ${frame.hidden.stock[k]} bad` : "";
    const words = `${shortened(item.name, 16)} ${stock}${bad}`;
    const text = this._bin(k)[2] ? { x: x + 34, y: y + 25, class: "small end" } : { x: x + 40, y: y + 8, class: "small" };
    this.moving.append(svg("text", text, words));
  }

  _supplier(supplier, j, frame) {
    const [from, to, y] = this._road(j);
    const late = frame.overdue[j];
    const end = to - 36 - (late ? 62 : 0);
    for (const [due, units] of frame.trucks[j]) {
      const x = end - ((end - from) * (due - 1)) / Math.max(1, supplier.lead - 1);
      this.moving.append(truck(x, y, units, false));
    }
    if (!supplier.lead && frame.delivered[j]) {
      this.moving.append(truck(to - 36, y, frame.delivered[j], false));
    }
    if (late) {
      this.moving.append(truck(to - 36, y, late, true), svg("text", { x: to - 40, y: y + 2, class: "small late end" }, "late"));
    }
    if (this.hidden && frame.hidden.out[j]) this.moving.append(svg("text", { x: from + 110, y: y - 14, class: "bad" }, "cannot deliver"));
  }

  _customerWords(frame) {
    const words = [`order ${sum(frame.demand)}, get ${sum(frame.shipped)}`];
    if (this.scene.shortage === "lost" || sum(frame.lost)) words.push(`turned away ${sum(frame.lost)}`);
    if (this.scene.shortage !== "lost") words.push(`backlog ${sum(frame.backlog)}`);
    if (this.scene.notice) words.push(`known ahead ${sum(frame.known)}`);
    if (sum(frame.returned)) words.push(`sent back ${sum(frame.returned)}`);
    return words;
  }

  _customers(frame) {
    const x = this.left + this.scene.columns * CELL.width + 14;
    const y = this.top;
    const words = this._customerWords(frame).filter((word) => !word.startsWith("backlog"));
    words.forEach((word, n) => this.moving.append(svg("text", { x, y: y + 36 + n * 14, class: "small" }, word)));
    const owed = sum(frame.backlog);
    for (let n = 0; n < Math.min(owed, 18); n++) {
      this.moving.append(svg("rect", { x: x + (n % 9) * 11.5, y: y + 98 - Math.floor(n / 9) * 14, width: 9, height: 11, rx: 1.5, class: "slip" }));
    }
    if (this.scene.shortage !== "lost") this.moving.append(svg("text", { x, y: y + 124, class: owed ? "small strong late" : "small" }, `backlog ${owed}`));
  }
}

/** Return where each supplier drives: beside the first stage of a row, up to three, or below the line. */
function lanesOf({ stages, items, suppliers }) {
  const at = suppliers.map(({ item }) => items[item].stage);
  let below = 0;
  return at.map((stage, j) => {
    const of = at.filter((other) => other === stage).length;
    const beside = stages[stage].column === 0 && of <= 3;
    return { beside, of, place: beside ? at.slice(0, j).filter((other) => other === stage).length : below++ };
  });
}

function shortened(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

const COLOURS = ["red", "blue", "green", "yellow", "pink"];

/** Return a unit of a product: a shape and a colour of its own; that of its name, if it is named by one. */
export function unitOf(products, product, x, y) {
  const named = COLOURS.includes(products[product]);
  const attributes = { class: `unit ${named ? products[product] : `p${product % 8}`}` };
  const half = UNIT / 2;
  if (product % 4 === 1) return svg("circle", { ...attributes, cx: x + half, cy: y + half, r: half });
  if (product % 4 === 2) return svg("path", { ...attributes, d: `M ${x} ${y + UNIT} h ${UNIT} l ${-half} ${-UNIT} z` });
  if (product % 4 === 3) return svg("path", { ...attributes, d: `M ${x + half} ${y} l ${half} ${half} l ${-half} ${half} l ${-half} ${-half} z` });
  return svg("rect", { ...attributes, x, y, width: UNIT, height: UNIT, rx: 1.5 });
}

function truck(x, y, units, late) {
  return svg(
    "g",
    { class: late ? "truck late" : "truck" },
    svg("path", { d: `M ${x} ${y - 8} h 20 v 13 h -20 z M ${x + 20} ${y - 3} h 7 l 4 4 v 4 h -11 z` }),
    svg("circle", { cx: x + 6, cy: y + 6, r: 3 }),
    svg("circle", { cx: x + 24, cy: y + 6, r: 3 }),
    svg("text", { x: x + 10, y: y + 2.5 }, String(units)),
  );
}
