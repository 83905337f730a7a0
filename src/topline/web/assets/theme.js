// Runs before the first paint, so that the page never flashes in the other theme.
(() => {
  if ("fixedTheme" in document.documentElement.dataset) return;
  const kept = localStorage.getItem("topline:theme");
  const dark = kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
  document.documentElement.classList.toggle("dark-mode", dark); // what the page of the API's description goes by
})();
