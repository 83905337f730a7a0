// A `data-island="chart"` element loads its module when it comes on the page; its JSON stands in the script it names.
const LOADERS = {
  chart: () => import("./chart.js"),
  calendar: () => import("./calendar.js"),
  gantt: () => import("./gantt.js"),
  board: () => import("./board.js"),
  grid: () => import("./grid.js"),
  "live-number": () => import("./live-number.js"),
  targets: () => import("./targets.js"),
};

const mounted = new Map();

async function start(element) {
  mounted.set(element, null);
  const source = document.getElementById(element.dataset.source);
  const { mount } = await LOADERS[element.dataset.island]();
  if (element.isConnected) mounted.set(element, mount(element, source ? JSON.parse(source.textContent) : null));
  element.removeAttribute("aria-busy");
}

// New on the page, or emptied again by a swap that kept the element: then what was mounted there is over.
function isWaiting(element) {
  if (!mounted.has(element)) return true;
  const stop = mounted.get(element);
  if (!stop || !element.hasAttribute("aria-busy")) return false;
  stop();
  return true;
}

export async function startIslands(root = document) {
  for (const [element, stop] of mounted) {
    if (!element.isConnected) {
      stop?.();
      mounted.delete(element);
    }
  }
  const fresh = [...root.querySelectorAll("[data-island]")].filter(isWaiting);
  await Promise.all(fresh.map(start));
}
