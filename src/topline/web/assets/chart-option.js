// From a chart's plain JSON to a full ECharts option: colours by role, numbers by locale. The browser and the server
// (documents/chart.py) share it, so a picture is the same on the page, in a file and in an e-mail.
import { BarChart, HeatmapChart, LineChart, SankeyChart, ScatterChart } from "echarts/charts";
import {
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TooltipComponent,
  VisualMapComponent,
} from "echarts/components";
import * as echarts from "echarts/core";
import { LabelLayout } from "echarts/features";
import { SVGRenderer } from "echarts/renderers";

echarts.use([
  BarChart, HeatmapChart, LineChart, SankeyChart, ScatterChart,
  GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent, VisualMapComponent,
  LabelLayout, SVGRenderer,
]);

export { echarts };

// Without quotation marks: ECharts writes the name into an SVG attribute as it is.
const FONT = "Inter Variable, Inter, system-ui, DejaVu Sans, sans-serif";

const THEMES = {
  light: {
    text: "#1c2230", muted: "#5d6676", line: "#e4e7ec", axis: "#cbd1da", surface: "#ffffff",
    actual: "#2750d8", plan: "#b4540a", last_year: "#8a94a6", forecast: "#2750d8", band: "#2750d8",
    palette: ["#2750d8", "#0b8a7d", "#c2620a", "#b4235f", "#6d3fd1", "#0379b5", "#5b7a12", "#64748b"],
  },
  dark: {
    text: "#e8ebf1", muted: "#9aa4b5", line: "#2a313d", axis: "#3a4352", surface: "#171c25",
    actual: "#86a5ff", plan: "#f0a04b", last_year: "#7f8b9e", forecast: "#86a5ff", band: "#86a5ff",
    palette: ["#86a5ff", "#3fc7b6", "#f0a04b", "#f07aa8", "#b096ff", "#58bdf2", "#a5c94f", "#94a3b8"],
  },
};

// What a series means decides how it looks; a series without a role takes the next colour of the palette.
const ROLES = {
  actual: (t) => ({ color: t.actual, lineStyle: { width: 2.5 }, z: 5 }),
  plan: (t) => ({ color: t.plan, lineStyle: { width: 2, type: [6, 4] }, z: 4 }),
  // A level of its own at each name of the axis: names have no order, so no line leads from one to the next.
  mark: (t) => ({ color: t.plan, symbol: "rect", symbolSize: [38, 4], lineStyle: { opacity: 0 }, z: 6 }),
  last_year: (t) => ({ color: t.last_year, lineStyle: { width: 1.5 }, z: 3 }),
  forecast: (t) => ({ color: t.forecast, lineStyle: { width: 2, type: [2, 4], cap: "round" }, z: 4 }),
  band_base: () => ({ symbol: "none", stack: "band", lineStyle: { opacity: 0 }, itemStyle: { opacity: 0 }, tooltip: { show: false }, silent: true }),
  total: (t) => ({ color: t.last_year }),
  up: (t) => ({ color: t.palette[1] }),
  down: (t) => ({ color: t.plan }),
  heat: (t) => ({ label: { show: false }, itemStyle: { borderWidth: 1, borderColor: t.surface } }),
  // A step's names fit before the next step; where a name stands says its step, so its number is left to the tooltip.
  flow: (t, width, { data }) => {
    const right = width < 560 ? 66 : 120;
    const steps = Math.max(1, ...data.map(({ name }) => parseInt(name, 10) || 0));
    const room = Math.max(36, (Math.min(width, 2400) - right - 8) / steps - 20);
    return {
      left: 8, right, top: 12, bottom: 12, nodeWidth: 12, nodeGap: 10, draggable: false,
      label: { color: t.text, fontSize: width < 560 ? 11 : 12.5, width: room, overflow: "truncate", formatter: ({ name }) => name.replace(/^\d+ /, "") },
      labelLayout: { hideOverlap: true }, lineStyle: { color: "source", opacity: 0.28 },
    };
  },
  band: (t) => ({ symbol: "none", stack: "band", lineStyle: { opacity: 0 }, color: t.band, areaStyle: { color: t.band, opacity: 0.16 }, silent: true }),
};

// An amount as people of the locale write it; the units are those of a metric.
export function number(value, { locale = "en", currency = null, unit = "count", short = {} } = {}, compact = false) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  const isMoney = unit === "money" && currency;
  const power = compact && isMoney && size >= 10000 && Object.keys(short).map(Number).filter((each) => each <= size).sort((a, b) => b - a)[0];
  if (power) {
    // As web/formats.py short_money: the page's tiles and its charts abbreviate alike.
    const digits = { maximumFractionDigits: size >= 1e6 ? 2 : 1, roundingMode: "halfEven" };
    return (value < 0 ? "-" : "") + short[power].replace("{}", new Intl.NumberFormat(locale, digits).format(size / power));
  }
  const options =
    unit === "rate"
      ? { style: "percent", maximumFractionDigits: 1 }
      : isMoney
        ? { style: "currency", currency, ...(compact ? {} : { maximumFractionDigits: size >= 1000 ? 0 : 2 }) }
        : { maximumFractionDigits: size >= (compact ? 10 : 100) ? 0 : 2 };
  if (compact && isMoney && (size >= 10 || Number.isInteger(value))) {
    Object.assign(options, { maximumFractionDigits: 0, minimumFractionDigits: 0, roundingMode: "halfEven" });
  }
  return new Intl.NumberFormat(locale, options).format(value);
}

const merged = (base, over) => {
  const out = { ...base };
  for (const [key, value] of Object.entries(over ?? {})) {
    const plain = value && typeof value === "object" && !Array.isArray(value);
    out[key] = plain ? merged(base[key] && typeof base[key] === "object" ? base[key] : {}, value) : value;
  }
  return out;
};

const MOST_NAMED = 8;

// The names of a few columns all stand below them, broken where they are longer than their column is wide.
function named(names, width) {
  const room = (width - 90) / names.length - 8;
  return { interval: 0, hideOverlap: false, width: Math.max(36, room), overflow: "break", lineHeight: 14 };
}

function axis(given, theme, format, isValue) {
  const looks = {
    axisLine: { show: !isValue, lineStyle: { color: theme.axis } },
    axisTick: { show: false },
    splitLine: { show: isValue, lineStyle: { color: theme.line } },
    axisLabel: { color: theme.muted, fontSize: 12, hideOverlap: true, margin: 10 },
    nameTextStyle: { color: theme.muted },
  };
  if (isValue) {
    const own = { ...format, ...(given.format ?? {}) };
    looks.splitNumber = 4;
    looks.axisLabel.formatter = (value) => number(value, own, true);
  }
  const { format: _, ...rest } = given;
  return merged(looks, rest);
}

const each = (value, change) => (Array.isArray(value) ? value.map(change) : change(value ?? {}));
const isValueAxis = (given) => (given.type ?? "value") === "value";

// How many lines a legend takes, about: a mark, the text at 12.5 px, and the gap to the next.
function legendLines(names, width) {
  let [lines, filled] = [1, 0];
  for (const name of names) {
    const own = 41 + 6.6 * name.length;
    if (filled && filled + own - 18 > width) [lines, filled] = [lines + 1, 0];
    filled += own;
  }
  return lines;
}

export function prepare(spec, themeName = "light", width = Infinity) {
  const { format = {}, ...option } = spec;
  const theme = THEMES[themeName] ?? THEMES.light;
  const isFlow = (option.series ?? []).some((s) => s.type === "sankey");
  const hasBars = (option.series ?? []).some((s) => s.type === "bar");
  const styled = (given) => {
    const { role, ...series } = given;
    const looks = series.type === "line" ? { showSymbol: (series.data ?? []).length === 1, symbolSize: 6, connectNulls: false } : {};
    if (series.type === "line" && hasBars) Object.assign(looks, { showSymbol: true, symbol: "circle" });
    if (series.type === "bar") Object.assign(looks, { z: 2, barMaxWidth: 34, barGap: "12%", itemStyle: { borderRadius: [3, 3, 0, 0] } });
    const base = merged({ emphasis: { disabled: true }, ...looks }, ROLES[role]?.(theme, width, series));
    return merged(series.type === "bar" ? { ...base, z: 2 } : base, series);
  };
  const few = hasBars && option.xAxis?.data?.length <= MOST_NAMED && Number.isFinite(width) && { axisLabel: named(option.xAxis.data, width) };
  const hidden = new Set((option.series ?? []).filter((s) => s.role?.startsWith("band")).map((s) => s.name));
  const legend = (option.series ?? []).filter((s) => s.role !== "band_base" && s.name).map((s) => {
    if (s.role === "band") return { name: s.name, icon: "roundRect", itemStyle: { opacity: 0.35 } };
    if (s.type === "scatter") return { name: s.name, icon: "circle", itemStyle: { opacity: 1 } };
    return s.type === "bar" ? { name: s.name, icon: "roundRect" } : s.name;
  });
  const tooltip = (points) => {
    const list = Array.isArray(points) ? points : [points];
    if (isFlow) return `{h|${list[0].name.replace(" > ", " → ")}}\n{v|${number(list[0].value, format)}}`;
    const rows = list.filter((p) => !hidden.has(p.seriesName)).map((p) => {
      const raw = Array.isArray(p.value) ? p.value.at(-1) : p.value;
      const unit = option.series[p.seriesIndex]?.format ?? {};
      return `${p.seriesName}   {v|${number(raw, { ...format, ...unit })}}`;
    });
    const band = bandOf(option.series, list[0]?.dataIndex);
    if (band) rows.push(`${band.name}   {v|${number(band.low, format)} – ${number(band.high, format)}}`);
    return [`{h|${list[0]?.axisValueLabel ?? list[0]?.name ?? ""}}`, ...rows].join("\n");
  };
  return {
    animation: false,
    backgroundColor: "transparent",
    color: theme.palette,
    textStyle: { fontFamily: FONT, color: theme.text },
    ...option,
    ...(option.visualMap ? { visualMap: { ...option.visualMap, inRange: { color: [theme.surface, theme.actual] } } } : {}),
    grid: merged({ left: 8, right: option.xAxis?.boundaryGap === false ? 32 : 16, top: legend.length > 1 ? 22 + 22 * legendLines(legend.map((l) => l.name ?? l), width) : 16, bottom: 8, containLabel: true }, option.grid),
    legend: merged(
      { show: legend.length > 1, data: legend, top: 0, left: 0, itemWidth: 18, itemHeight: 10, itemGap: 18, itemStyle: { opacity: hasBars ? 1 : 0 }, textStyle: { color: theme.muted, fontSize: 12.5 } },
      option.legend,
    ),
    tooltip: {
      trigger: option.visualMap || isFlow ? "item" : "axis", renderMode: "richText", confine: true, formatter: tooltip,
      backgroundColor: theme.surface, borderColor: theme.axis, borderWidth: 1, padding: 12,
      textStyle: { color: theme.muted, fontSize: 12.5, lineHeight: 20, rich: { h: { color: theme.text, fontWeight: 600, lineHeight: 22 }, v: { color: theme.text, fontWeight: 600 } } },
      axisPointer: { type: "line", lineStyle: { color: theme.axis } },
      ...(option.tooltip ?? {}),
    },
    ...(isFlow ? {} : { xAxis: each(option.xAxis, (a) => axis({ type: "category", ...few, ...a }, theme, format, isValueAxis({ type: "category", ...a }))),
    yAxis: each(option.yAxis, (a) => axis({ type: "value", ...a }, theme, format, isValueAxis(a))) }),
    series: (option.series ?? []).map(styled),
  };
}

function bandOf(series, index) {
  const base = series?.find((s) => s.role === "band_base");
  const width = series?.find((s) => s.role === "band");
  if (index === undefined || base?.data?.[index] == null || width?.data?.[index] == null) return null;
  return { name: width.name, low: base.data[index], high: base.data[index] + width.data[index] };
}
