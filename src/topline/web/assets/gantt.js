// The Gantt chart: a bar that a draft plans is dragged to other days, or stretched by an end; arrow keys do the same.
import { moveItem } from "./move.js";

const DAY = 86400000;
const EDGE = 8;
const shifted = (day, days) => new Date(Date.parse(day) + days * DAY).toISOString().slice(0, 10);

export function mount(element, moving) {
  const said = document.getElementById(element.dataset.says);
  const words = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeZone: "UTC" });
  let held = null;

  function hold(bar, kind) {
    const cell = bar.closest("td");
    const length = (Date.parse(bar.dataset.last) - Date.parse(bar.dataset.first)) / DAY;
    held = { bar, kind, length, days: 0, width: cell.offsetWidth, day: cell.offsetWidth / cell.colSpan };
    bar.classList.add("is-held");
  }

  function span() {
    const { bar, kind, days } = held;
    const { first, last } = bar.dataset;
    return [kind === "last" ? first : shifted(first, days), kind === "first" ? last : shifted(last, days)];
  }

  function shift(days) {
    const { bar, kind, length, width, day } = held;
    held.days = kind === "last" ? Math.max(days, -length) : kind === "first" ? Math.min(days, length) : days;
    const by = held.days * day;
    bar.style.marginLeft = kind === "last" ? "" : `${by}px`;
    bar.style.width = `${Math.max(width + (kind === "last" ? by : kind === "first" ? -by : 0), day / 2)}px`;
    said.textContent = words.formatRange(...span().map(Date.parse));
  }

  function putBack() {
    if (!held) return;
    held.bar.style.marginLeft = held.bar.style.width = said.textContent = "";
    held.bar.classList.remove("is-held");
    held = null;
  }

  async function keep() {
    const { bar, days } = held;
    const { item, first, last } = bar.dataset;
    const [to_first, to_last] = span();
    if (!days) return putBack();
    held = null;
    await moveItem({ id: item, was_first: first, was_last: last, to_first, to_last }, moving, () => refresh(item));
  }

  async function refresh(item) {
    const answer = await fetch(location.href).catch(() => null);
    if (!answer?.ok) return location.reload();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-island=gantt]");
    if (!fresh) return location.reload();
    held = null;
    said.textContent = "";
    element.replaceChildren(...fresh.childNodes);
    element.querySelector(`[data-item="${CSS.escape(item)}"]`)?.focus({ preventScroll: true });
  }

  function grab(event) {
    const bar = event.target.closest("[data-item]");
    if (!bar || event.button) return;
    const { left, right } = bar.getBoundingClientRect();
    const isWide = "stretch" in bar.dataset && right - left > 3 * EDGE;
    const kind = isWide && right - event.clientX < EDGE ? "last" : isWide && event.clientX - left < EDGE ? "first" : "move";
    putBack();
    hold(bar, kind);
    held.from = event.clientX;
    bar.setPointerCapture(event.pointerId);
  }

  function drag(event) {
    if (held?.from !== undefined) shift(Math.round((event.clientX - held.from) / held.day));
  }

  function drop() {
    if (held?.from !== undefined) keep();
  }

  function leave(event) {
    if (held?.bar === event.target && held.from === undefined) putBack();
  }

  function press(event) {
    const bar = event.target.closest("[data-item]");
    if (!bar) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const kind = event.shiftKey && "stretch" in bar.dataset ? "last" : "move";
    if (step) {
      if (held?.bar !== bar || held.kind !== kind) {
        putBack();
        hold(bar, kind);
      }
      shift(held.days + step);
    } else if (event.key === "Enter" && held) keep();
    else if (event.key === "Escape" && held) putBack();
    else return;
    event.preventDefault();
    event.stopPropagation(); // the arrows turn the page's months elsewhere
  }

  const heard = { pointerdown: grab, pointermove: drag, pointerup: drop, pointercancel: putBack, keydown: press, focusout: leave };
  for (const [name, act] of Object.entries(heard)) element.addEventListener(name, act);
  return () => {
    for (const [name, act] of Object.entries(heard)) element.removeEventListener(name, act);
  };
}
