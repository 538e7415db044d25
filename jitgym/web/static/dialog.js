/** A question before something is lost. */

import { html } from "./words.js";

/** Ask, and return whether it was meant; Escape is no. */
export function meant(question, yes) {
  return new Promise((resolve) => {
    const text = html("p", { id: "question" }, question);
    const dialog = html("dialog", { class: "question", "aria-labelledby": "question", onclose: () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    } }, text, html("div", { class: "bar" },
      html("button", { autofocus: true, onclick: () => dialog.close("no") }, "No, stay"),
      html("button", { class: "main", onclick: () => dialog.close("yes") }, yes)));
    document.body.append(dialog);
    dialog.showModal();
  });
}
