// An island that draws its chart and follows the theme and its own width. The same numbers stand in a table beside it.
import { echarts, prepare } from "./chart-option.js";

const theme = () => document.documentElement.dataset.bsTheme ?? "light";

export function mount(element, spec) {
  const chart = echarts.init(element, null, { renderer: "svg" });
  let width = element.clientWidth;
  const draw = () => chart.setOption(prepare(spec, theme(), width), { notMerge: true });
  draw();
  const resized = new ResizeObserver(() => {
    chart.resize();
    if (width === element.clientWidth) return;
    width = element.clientWidth;
    draw();
  });
  resized.observe(element);
  document.addEventListener("topline:theme", draw);
  return () => {
    document.removeEventListener("topline:theme", draw);
    resized.disconnect();
    chart.dispose();
  };
}
