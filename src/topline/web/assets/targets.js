// A target grid that several people edit at once: a cell saves on Enter or when it is left, what others change comes in
// by itself, and what is being typed is never overwritten.
import { toast } from "./shell.js";

const EVERY = 2000;
const headers = () => ({ ...JSON.parse(document.body.getAttribute("hx-headers:inherited")), "HX-Request": "true" });

export function mount(element, source) {
  let seen = source.revision;
  let queue = Promise.resolve();
  const status = document.getElementById("grid-status");
  const reason = document.getElementById("reason");
  const undo = document.getElementById("undo");
  const log = document.getElementById("grid-log");
  const at = (id) => element.querySelector(`[data-cell="${id}"]`);
  const lockOf = (id) => element.querySelector(`[data-lock="${id}"]`);
  const place = (id) => Object.fromEntries(["line", "month"].map((name, i) => [name, id.split(".")[i]]));
  const say = (text) => text && (status.textContent = text);

  // Says something of a cell in a line of its own below the cell's; nothing takes it away.
  function tell(cell, text) {
    const row = cell.closest("tr");
    const id = `said-${cell.dataset.cell}`;
    cell.removeAttribute("aria-describedby");
    document.getElementById(id)?.remove();
    let line = row.nextElementSibling?.matches(".said") ? row.nextElementSibling : null;
    if (text) {
      cell.setAttribute("aria-describedby", id);
      if (!line) {
        line = document.createElement("tr");
        line.className = "said";
        line.append(document.createElement("td"));
        line.firstChild.colSpan = row.cells.length;
        row.after(line);
      }
      const said = line.firstChild.appendChild(document.createElement("p"));
      said.className = "errors";
      said.setAttribute("role", "alert");
      said.id = id;
      said.textContent = `${cell.getAttribute("aria-label")}: ${text}`;
    } else if (line && !line.textContent) line.remove();
  }

  // Shows what the grid is now; a cell with words of this person's own keeps them, and is told if somebody changed it.
  function show(news, sent) {
    seen = news.revision;
    for (const [id, [text, isLocked]] of Object.entries(news.cells)) {
      const cell = at(id);
      if (!cell) continue;
      if (cell.tagName !== "INPUT") {
        cell.textContent = text;
        continue;
      }
      const isMine = cell.value !== cell.defaultValue;
      if (cell.defaultValue !== text && !isMine) flash(cell);
      else if (cell.defaultValue !== text && cell !== sent && cell.value !== text) tell(cell, source.words.meanwhile.replace("{amount}", text));
      cell.defaultValue = text;
      if (!isMine) cell.value = text;
      cell.readOnly = isLocked;
      const lock = lockOf(id);
      lock.setAttribute("aria-pressed", isLocked);
      lock.setAttribute("aria-label", `${isLocked ? source.words.unlock : source.words.lock} ${cell.getAttribute("aria-label")}`);
    }
    if (undo) undo.disabled = !news.can_undo;
    news.log.forEach(note);
  }

  // One more line of the log, the newest on top.
  function note([text, why, at]) {
    const line = document.createElement("li");
    const said = line.appendChild(document.createElement("span"));
    said.className = "grow";
    said.textContent = text;
    if (why) {
      const reason = document.createElement("span");
      reason.className = "small wrap";
      reason.textContent = why;
      said.append(document.createElement("br"), reason);
    }
    const when = line.appendChild(document.createElement("span"));
    when.className = "quiet small tabular";
    when.textContent = at;
    log.querySelector(":scope > .quiet")?.remove();
    log.prepend(line);
  }

  function flash(cell) {
    cell.classList.remove("is-fresh");
    requestAnimationFrame(() => cell.classList.add("is-fresh"));
  }

  async function send(values, cell) {
    const body = new URLSearchParams({ ...values, seen, reason: reason?.value ?? "" });
    const answer = await fetch(source.edit, { method: "POST", headers: headers(), body }).catch(() => null);
    const news = await answer?.json().catch(() => null);
    if (answer?.ok && news) {
      if (cell && cell.value === values.amount) cell.value = cell.defaultValue;
      if (cell) accept(cell);
      show(news);
      say(source.words.saved);
      return;
    }
    const error = news?.error ?? source.words.offline;
    if (news) show(news, cell);
    status.textContent = news?.said ?? "";
    if (!cell) return toast(error, "error");
    cell.setAttribute("aria-invalid", "true");
    tell(cell, error);
  }

  function accept(cell) {
    cell.removeAttribute("aria-invalid");
    tell(cell, "");
  }

  // One after the other: each edit says which revision it was made on.
  const edit = (values, cell) => (queue = queue.then(() => send(values, cell)));

  const move = (cell, lines, months) => {
    const rows = [...element.querySelectorAll("tr")].map((row) => [...row.querySelectorAll("input[data-cell]")]).filter((row) => row.length);
    const y = rows.findIndex((row) => row.includes(cell));
    const x = rows[y].indexOf(cell);
    return rows[y + lines]?.[x + months];
  };

  function keydown(event) {
    const cell = event.target;
    if (!cell.matches("input[data-cell]")) return;
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], Enter: [1, 0] }[event.key];
    if (event.key === "Escape") {
      cell.value = cell.defaultValue;
      accept(cell);
      cell.select();
    } else if (steps) {
      event.preventDefault();
      const next = move(cell, ...steps);
      if (next) next.focus();
      else if (event.key === "Enter") {
        cell.blur(); // keeps what was typed
        cell.focus();
      }
    }
  }

  const focusin = (event) => event.target.matches("input[data-cell]") && event.target.select();

  function focusout(event) {
    const cell = event.target;
    if (!cell.matches("input[data-cell]")) return;
    if (cell.value.trim() === cell.defaultValue) accept(cell);
    else edit({ do: "set", amount: cell.value, ...place(cell.dataset.cell) }, cell);
  }

  function paste(event) {
    const cell = event.target;
    const text = event.clipboardData?.getData("text") ?? "";
    if (!cell.matches("input[data-cell]") || !/[\t\n]/.test(text.trim())) return;
    event.preventDefault();
    edit({ do: "paste", text, ...place(cell.dataset.cell) }, cell);
  }

  function click(event) {
    const lock = event.target.closest("[data-lock]");
    if (lock) edit({ do: lock.getAttribute("aria-pressed") === "true" ? "unlock" : "lock", ...place(lock.dataset.lock) });
  }

  const take = () => edit({ do: "undo" });

  async function look() {
    if (document.hidden) return;
    const answer = await fetch(`${source.news}&seen=${seen}`, { headers: headers() }).catch(() => null);
    if (answer?.status !== 200) return;
    const news = await answer.json();
    if (news.revision <= seen) return;
    show(news);
    say(news.said);
  }

  element.addEventListener("click", click);
  element.addEventListener("keydown", keydown);
  element.addEventListener("focusin", focusin);
  element.addEventListener("focusout", focusout);
  element.addEventListener("paste", paste);
  undo?.addEventListener("click", take);
  const timer = setInterval(() => (queue = queue.then(look)), EVERY);
  return () => {
    clearInterval(timer);
    undo?.removeEventListener("click", take);
    for (const [name, hear] of Object.entries({ click, keydown, focusin, focusout, paste })) element.removeEventListener(name, hear);
  };
}
