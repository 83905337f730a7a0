// Theme, toasts, links that download, dropped files: small behaviours named by data attributes.
export function toast(text, level = "note", label = "", act = null) {
  const note = document.getElementById("toast-template").content.firstElementChild.cloneNode(true);
  note.classList.add(level);
  note.querySelector("p").textContent = text;
  note.querySelector("button").addEventListener("click", () => note.remove());
  if (act) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "button slim", textContent: label });
    button.addEventListener("click", () => (note.remove(), act()));
    note.querySelector("p").after(button);
  }
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), act || level === "error" ? 12000 : 6000);
}

export function setTheme(theme) {
  localStorage.setItem("topline:theme", theme);
  document.documentElement.dataset.bsTheme = theme;
  document.dispatchEvent(new CustomEvent("topline:theme"));
}

const toggleTheme = () => setTheme(document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark");

const ACTIONS = {
  theme: toggleTheme,
  palette: () => document.dispatchEvent(new CustomEvent("topline:palette")),
  keys: () => document.getElementById("keys").showModal(),
  close: (element) => element.closest("dialog").close(),
  dismiss: (element) => element.parentElement.remove(),
};

export function perform(name, element) {
  ACTIONS[name]?.(element);
}

async function copy(element) {
  await navigator.clipboard.writeText(document.getElementById(element.dataset.copy).textContent.trim());
  toast(element.dataset.copied, "good");
}

export function listenToShell() {
  document.addEventListener("click", (event) => {
    const element = event.target.closest("[data-do], [data-copy]");
    if (!element) return;
    if (element.dataset.copy) copy(element);
    else perform(element.dataset.do, element);
    element.closest("[popover]")?.hidePopover();
  });
  // A select or a date that stands for a link: the form goes as soon as it changes.
  document.addEventListener("change", (event) => {
    if (event.target.closest("[data-submit-on-change]")) event.target.form.requestSubmit();
    if (event.target.dataset.sets) follow(event.target);
    if (event.target.matches(".drop input[type=file]")) nameFiles(event.target);
  });
  // A slider and the number typed beside it say the same; only the number is sent.
  document.addEventListener("input", ({ target }) => {
    const twin = target.dataset.twin && document.getElementById(target.dataset.twin);
    if (twin) twin.value = target.value || 0;
  }, true);
  document.addEventListener("dragenter", (event) => event.target.closest?.(".drop")?.classList.add("over"));
  for (const name of ["dragleave", "drop"]) {
    document.addEventListener(name, (event) => event.target.closest?.(".drop")?.classList.remove("over"));
  }
  for (const select of document.querySelectorAll("[data-zone]")) {
    select.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
  // The tab of the page that is shown stands in sight, however many there are.
  for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
    const strip = tab.closest(".tabs");
    strip.scrollLeft = tab.offsetLeft - strip.offsetLeft - (strip.clientWidth - tab.offsetWidth) / 2;
  }
  for (const note of document.querySelectorAll("#toasts [data-do=dismiss]")) {
    setTimeout(() => note.parentElement.remove(), 8000);
  }
}

// A new shop's market names its currency, and the browser its time zone, until a person chooses others.
function follow(select) {
  const other = document.getElementById(select.dataset.sets);
  if (!other.value) other.value = select.selectedOptions[0].dataset.currency;
}

function nameFiles(input) {
  const names = [...input.files].map((file) => file.name).join(", ");
  const target = input.closest(".drop").querySelector("[data-files]");
  if (target) target.textContent = names || target.dataset.files;
}
