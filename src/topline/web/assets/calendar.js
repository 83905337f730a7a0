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
  return () => calendar.destroy();
}
