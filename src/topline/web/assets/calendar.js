// The calendar by month and by week; what a draft plans is dragged to other days.
import { Calendar } from "fullcalendar";
import dayGridPlugin from "fullcalendar/daygrid";
import interactionPlugin from "fullcalendar/interaction";
import listPlugin from "fullcalendar/list";
import roLocale from "fullcalendar/locales/ro";
import classicTheme from "fullcalendar/themes/classic";

import { moveItem } from "./move.js";

const DAY = 86400000;
const last = (start, end) => new Date((end ?? new Date(start.getTime() + DAY)).getTime() - DAY).toISOString().slice(0, 10);
const first = (start) => start.toISOString().slice(0, 10);

export function mount(element, { locale, firstDay, initialDate, today, view, ...moving }) {
  async function moved(info) {
    const { event, oldEvent } = info;
    const values = {
      id: event.id,
      was_first: first(oldEvent.start),
      was_last: last(oldEvent.start, oldEvent.end),
      to_first: first(event.start),
      to_last: last(event.start, event.end),
    };
    if (!(await moveItem(values, moving, () => calendar.refetchEvents()))) info.revert();
  }

  async function events(span, done, refuse) {
    const query = new URLSearchParams(location.search);
    query.set("format", "json");
    query.set("from", first(span.start));
    query.set("to", first(span.end));
    const answer = await fetch(`?${query}`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (answer?.ok) done((await answer.json()).events);
    else refuse(new Error(moving.failed));
  }

  const isNarrow = matchMedia("(max-width: 560px)").matches; // where seven days side by side can't be read
  const calendar = new Calendar(element, {
    plugins: [dayGridPlugin, interactionPlugin, listPlugin, classicTheme],
    locales: [roLocale],
    locale,
    firstDay,
    initialDate,
    now: today,
    timeZone: "UTC",
    events,
    dayMaxEvents: 5,
    eventOrder: "",
    longPressDelay: 400,
    initialView: isNarrow && view === "dayGridWeek" ? "listWeek" : view,
    views: { listWeek: { titleFormat: { day: "numeric", month: "short" } } },
    displayEventTime: false,
    height: "auto",
    eventDrop: moved,
    eventResize: moved,
    headerToolbar: { start: "title", center: "", end: "today prev,next" },
  });
  calendar.render();
  element.removeAttribute("aria-busy");
  // Its column heads hide their text from screen readers and leave the name to a label that tables don't have.
  for (const head of element.querySelectorAll("[role=columnheader] [aria-hidden]")) head.removeAttribute("aria-hidden");
  return () => calendar.destroy();
}
