/** The recording of a notebook cell, as a widget: what anywidget asks of a module. */

import { player } from "./player.js";

export default {
  render({ model, el }) {
    el.classList.add("jitgym");
    const shown = player(model.get("recording"));
    el.append(shown);
    return () => shown.stop();
  },
};
