// The keys of the house; `?` lists them. A page names what a key does by `data-key` on a link or a button.
import { perform } from "./shell.js";

const isTyping = (target) => target.closest("input, textarea, select, [contenteditable], dialog, [role=grid], .calendar");

export function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      perform("palette");
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === "?") perform("keys");
    else if (event.key === "/") {
      event.preventDefault();
      perform("palette");
    } else if (event.key.toLowerCase() === "t") perform("theme");
    else document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`)?.click();
  });
}
