// A `data-island="chart"` element loads its module when it comes on the page; its JSON stands in the script it names.
const LOADERS = {
  chart: () => import("./chart.js"),
  calendar: () => import("./calendar.js"),
  grid: () => import("./grid.js"),
};

const mounted = new Map();

async function start(element) {
  mounted.set(element, null);
  const source = document.getElementById(element.dataset.source);
  const { mount } = await LOADERS[element.dataset.island]();
  if (element.isConnected) mounted.set(element, mount(element, source ? JSON.parse(source.textContent) : null));
  element.removeAttribute("aria-busy");
}

export async function startIslands(root = document) {
  for (const [element, stop] of mounted) {
    if (!element.isConnected) {
      stop?.();
      mounted.delete(element);
    }
  }
  const fresh = [...root.querySelectorAll("[data-island]")].filter((element) => !mounted.has(element));
  await Promise.all(fresh.map(start));
}
