// The server's side of a chart: topline.documents.chart calls `drawChart` inside V8 and gets an SVG text.
import { echarts, prepare } from "./chart-option.js";

globalThis.drawChart = (json, width, height, theme) => {
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width, height });
  chart.setOption(prepare(JSON.parse(json), theme, width));
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
};
