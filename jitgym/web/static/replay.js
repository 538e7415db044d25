/** Plays the recording that stands in the page. */

import { player } from "./player.js";
import { html } from "./words.js";

const data = JSON.parse(document.getElementById("recording").textContent);
document.querySelector("main").append(
  html("h1", {}, data.title),
  html("p", { class: "note" }, `Luck number ${data.seed}. Every line meets the same orders, breakdowns and deliveries.`),
  player(data),
);
