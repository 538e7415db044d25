/** Elements, numbers and words that every part of the page uses. No style attributes: the policy lets none in. */

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in { value: 0, checked: 0, disabled: 0, selected: 0, hidden: 0 }) element[name] = value;
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(3)) if (child !== null && child !== undefined) element.append(child);
  return element;
}

/** Return an HTML element; `on...` attributes are listeners. */
export function html(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Return an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Return a number with three significant digits, or a dash for none. */
export function number(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const places = Math.max(0, Math.min(3, digits - 1 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(places).replace("-", "−");
}

/** Return "1 unit", "2 units". */
export function count(many, what) {
  return `${many} ${what}${many === 1 ? "" : "s"}`;
}

/** Return the sum of a list. */
export function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/** Return a text with blank lines as paragraphs, `code` and *stressed* words as elements. */
export function paragraphs(text) {
  return text.trim().split(/\n\s*\n/).map((part) => html("p", {}, inline(part)));
}

/** Return a text with `code` and *stressed* words as elements. */
export function inline(text) {
  return text.split(/(`[^`]+`|\*[^*]+\*)/).map((piece) => {
    if (/^`.+`$/.test(piece)) return html("code", {}, piece.slice(1, -1));
    if (/^\*.+\*$/.test(piece)) return html("em", {}, piece.slice(1, -1));
    return piece;
  });
}

/** Return the frames of a recording, each whole: a record has only what is other than in the one before. */
export function unfolded(changes) {
  let before = {};
  return changes.map((change) => (before = { ...before, ...change }));
}
