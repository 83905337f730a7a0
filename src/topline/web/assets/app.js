// What every page needs: htmx, Alpine, islands, the palette, keys, theme and toasts.
import Alpine from "@alpinejs/csp";
import htmx from "htmx.org";

import { startIslands } from "./islands.js";
import { registerPalette } from "./palette.js";
import { listenToKeys } from "./keys.js";
import { listenToShell, toast } from "./shell.js";

window.htmx = htmx;
registerPalette(Alpine);
Alpine.start();
listenToKeys();
listenToShell();

document.addEventListener("htmx:after:swap", () => startIslands());
document.addEventListener("htmx:before:request", (event) => {
  const { sourceElement, sourceEvent } = event.detail.ctx;
  // htmx sends a poll that had to wait although its element was answered and is gone: it would wipe what is typed since.
  if (sourceEvent?.type === "every" && !sourceElement.isConnected) event.preventDefault();
  else document.documentElement.classList.add("is-loading");
});
document.addEventListener("htmx:finally:request", () => document.documentElement.classList.remove("is-loading"));
document.addEventListener("htmx:error", () => toast(document.body.dataset.offline, "error"));
document.addEventListener("topline:toast", (event) => toast(event.detail.text, event.detail.level));

startIslands().then(() => {
  document.documentElement.dataset.ready = "true";
});
