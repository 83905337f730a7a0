// Tiles of a dashboard: dragged by their handles, or moved and resized with the arrow keys on them.
import Sortable from "sortablejs/modular/sortable.core.esm.js";

import { toast } from "./shell.js";

const headers = () => ({ ...JSON.parse(document.body.getAttribute("hx-headers:inherited")), "HX-Request": "true" });
const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
const RESIZES = { ArrowLeft: ["narrower", "wide", -1], ArrowRight: ["wider", "wide", 1], ArrowUp: ["flatter", "high", -1], ArrowDown: ["taller", "high", 1] };
const LIMITS = { wide: [3, 12], high: [1, 3] };

export function mount(element) {
  const tiles = () => [...element.querySelectorAll("[data-tile]")];
  const say = (text) => (document.getElementById("board-status").textContent = text);
  const post = async (address, values) => {
    const answer = await fetch(address, { method: "POST", headers: headers(), body: new URLSearchParams(values) }).catch(() => null);
    return answer?.ok ?? false;
  };
  let kept = tiles();

  async function keep() {
    if (await post(element.dataset.order, { ids: tiles().map((tile) => tile.dataset.tile).join(",") })) {
      kept = tiles();
      return;
    }
    for (const tile of kept) element.append(tile);
    toast(element.dataset.failed, "error");
  }

  async function resize(tile, handle, [action, side, by]) {
    const now = [...tile.classList].find((name) => name.startsWith(`${side}-`));
    const size = Number(now.slice(side.length + 1)) + by;
    const [least, most] = LIMITS[side];
    if (size < least || size > most) return;
    tile.classList.replace(now, `${side}-${size}`);
    if (await post(handle.dataset.act, { do: action })) return;
    tile.classList.replace(`${side}-${size}`, now);
    toast(element.dataset.failed, "error");
  }

  function move(tile, handle, by) {
    const all = tiles();
    const place = all.indexOf(tile) + by;
    if (place < 0 || place >= all.length) return;
    all[place][by > 0 ? "after" : "before"](tile);
    handle.focus();
    say(`${element.dataset.moved} ${place + 1}`);
    keep();
  }

  function keydown(event) {
    const handle = event.target.closest?.("[data-handle]");
    if (!handle || !(event.key in STEPS)) return;
    event.preventDefault();
    event.stopPropagation();
    const tile = handle.closest("[data-tile]");
    if (event.shiftKey) resize(tile, handle, RESIZES[event.key]);
    else move(tile, handle, STEPS[event.key]);
  }

  element.addEventListener("keydown", keydown);
  const sortable = Sortable.create(element, { handle: "[data-handle]", draggable: "[data-tile]", animation: 120, ghostClass: "is-ghost", onEnd: keep });
  return () => {
    element.removeEventListener("keydown", keydown);
    sortable.destroy();
  };
}
