// The command palette over pages, metrics and actions; its entries stand in the page as JSON.
import { perform } from "./shell.js";

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

// How well the words of the query fit: every word must occur; a start of the label counts most.
function score(entry, words) {
  let total = 0;
  for (const word of words) {
    const at = entry.plain.indexOf(word);
    if (at < 0) return -1;
    total += at === 0 ? 3 : entry.plain[at - 1] === " " ? 2 : 1;
  }
  return total;
}

export function registerPalette(Alpine) {
  Alpine.data("palette", () => ({
    query: "",
    chosen: 0,
    entries: [],
    init() {
      document.addEventListener("topline:palette", () => this.open());
    },
    async open() {
      this.query = "";
      this.chosen = 0;
      // At once, so that no key typed meanwhile goes to the page; what it finds follows.
      if (!this.$root.open) this.$root.showModal();
      if (this.entries.length) return;
      const answer = await fetch(this.$root.dataset.entries, { headers: { Accept: "application/json" } });
      const { entries } = await answer.json();
      this.entries = entries.map((entry) => ({ ...entry, plain: plain(`${entry.label} ${entry.words ?? ""}`) }));
    },
    get found() {
      const words = plain(this.query).split(/\s+/).filter(Boolean);
      const scored = this.entries.map((entry) => ({ ...entry, score: score(entry, words) })).filter((entry) => entry.score >= 0);
      const best = scored.sort((a, b) => b.score - a.score).slice(0, 12);
      return best.map((entry, index) => ({ ...entry, index, id: `palette-${index}`, isChosen: index === this.chosen }));
    },
    // Nothing fits; before the entries are there nothing is known.
    get isEmpty() {
      return this.entries.length > 0 && this.found.length === 0;
    },
    get active() {
      return this.found.length === 0 ? "" : `palette-${this.chosen}`;
    },
    restart() {
      this.chosen = 0;
    },
    move(event) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) {
        event.preventDefault();
        this.chosen = (this.chosen + step + this.found.length) % Math.max(1, this.found.length);
        this.$nextTick(() => document.getElementById(this.active)?.scrollIntoView({ block: "nearest" }));
      } else if (event.key === "Enter") {
        event.preventDefault();
        this.go(this.found[this.chosen]);
      }
    },
    go(entry) {
      if (!entry) return;
      this.$root.close();
      if (entry.url) location.assign(entry.url);
      else perform(entry.action);
    },
  }));
}
