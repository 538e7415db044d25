/** The control panel of a team: who sets the knobs, and the knobs themselves. */

import { html } from "./words.js";

const KINDS = {
  kanban: "Kanban cards: units that a stage may hold",
  loop: "Cards round several stages (CONWIP)",
  basestock: "Base stock: units from here to the customer, less orders",
  release: "Push: units released a step, whatever happens downstream",
  lot: "Lot: cards that must be open before any goes",
  pm_level: "Maintain an idle machine from this reading on",
  target: "Order up to: stock and what is on order",
  echelon: "Order up to: that, and all that is made of it, less orders",
  order: "Order once a step",
  expedite: "Fetch what is overdue, at a premium",
};

/** Shows and sets the knobs of one team. */
export class Panel {
  /**
   * @param team what the server tells of a team.
   * @param send called with a command when something is set.
   */
  constructor(team, place, send) {
    this.team = team;
    this.inputs = [];
    this.moving = null; // the knob that is being set, until the server has taken it
    const knobs = team.scene.knobs.map((knob, k) => ({ ...knob, k }));
    const kinds = [...new Set(knobs.map(({ kind }) => kind))];
    this.control = html(
      "select",
      { disabled: team.fixed, "aria-label": `${team.name}: who controls it`, onchange: (event) => send({ do: "control", team: place, control: event.target.value }) },
      team.controls.map((name) => html("option", { value: name }, name === "hand" ? "by hand" : name)),
    );
    this.element = html(
      "section",
      { class: `panel k${place}`, "aria-label": `Knobs of ${team.name}` },
      html("h3", {}, team.name),
      team.fixed
        ? html("p", { class: "note" }, "The knobs of this line are fixed in this lesson.")
        : html("label", { class: "row" }, html("span", {}, "Controlled"), this.control),
      kinds.map((kind) => this._group(kind, knobs.filter((knob) => knob.kind === kind), place, send)),
      html("p", { class: "note" }, `Decisions count from the next step on, every ${team.scene.slots_per_step} slots.`),
    );
  }

  _group(kind, knobs, place, send) {
    const rows = knobs.map((knob) => {
      const name = knob.name.replace(/^\w+\[(.*)\]$/, "$1").replace(">", " to ");
      const text = html("output", {});
      const set = (value) => send({ do: "knob", team: place, knob: knob.k, value });
      // the place beyond the top is off
      const range = html("input", {
        type: "range", min: knob.low, max: knob.high + (knob.off ? 1 : 0), step: 1, disabled: this.team.fixed,
        "aria-label": `${this.team.name}: ${kind} ${name}`,
        oninput: (event) => {
          this.moving = knob.k;
          this._write(knob.k, Number(event.target.value));
        },
        onchange: (event) => set(knob.off && Number(event.target.value) > knob.high ? null : Number(event.target.value)),
      });
      this.inputs[knob.k] = { knob, range, text };
      return html("label", { class: "row" }, html("span", {}, name), range, text);
    });
    return html("fieldset", {}, html("legend", {}, KINDS[kind] ?? kind), rows);
  }

  _write(k, place) {
    const { knob, range, text } = this.inputs[k];
    const never = knob.kind === "pm_level" ? "never" : "off";
    const word = knob.off && place > knob.high ? never : String(place);
    text.textContent = word;
    range.setAttribute("aria-valuetext", word);
  }

  /** Show what is set now, but leave alone what is being moved. */
  show(state) {
    this.control.value = state.control;
    const values = state.control === "hand" || !state.frame ? state.held : state.frame.knobs;
    values.forEach((value, k) => {
      const { knob, range } = this.inputs[k];
      if (range === document.activeElement && this.moving === k) {
        if (Number(range.value) !== (value === null ? knob.high + 1 : value)) return;
        this.moving = null;
      }
      range.value = value === null ? knob.high + 1 : value;
      this._write(k, Number(range.value));
    });
  }
}
