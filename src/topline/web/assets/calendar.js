// The month view of the retail calendar.
import { Calendar } from "fullcalendar";
import dayGridPlugin from "fullcalendar/daygrid";
import roLocale from "fullcalendar/locales/ro";
import classicTheme from "fullcalendar/themes/classic";

export function mount(element, { locale, firstDay, initialDate, events }) {
  const calendar = new Calendar(element, {
    plugins: [dayGridPlugin, classicTheme],
    locales: [roLocale],
    locale,
    firstDay,
    initialDate,
    events,
    initialView: "dayGridMonth",
    height: "auto",
    headerToolbar: { start: "title", center: "", end: "today prev,next" },
  });
  calendar.render();
  element.removeAttribute("aria-busy");
  // Its column heads hide their text from screen readers and leave the name to a label that tables don't have.
  for (const head of element.querySelectorAll("[role=columnheader] [aria-hidden]")) head.removeAttribute("aria-hidden");
  return () => calendar.destroy();
}
