const CHART_HEIGHT = 300;
const openCharts = new Set();

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// uPlot's columns: seconds, values, volumes; a null where the line must not lead.
function columnsOf(chart) {
  const times = [chart.start];
  for (const [step, count] of chart.steps) {
    for (let i = 0; i < count; i++) times.push(times[times.length - 1] + step);
  }
  const columns = [[], [], []];
  const breaks = new Set(chart.breaks);
  times.forEach((time, i) => {
    if (breaks.has(i)) {
      columns[0].push(times[i - 1] + (time - times[i - 1]) / 2);
      columns[1].push(null);
      columns[2].push(null);
    }
    columns[0].push(time);
    columns[1].push(chart.values[i]);
    columns[2].push(chart.volumes ? chart.volumes[i] : null);
  });
  return chart.volumes ? columns : columns.slice(0, 2);
}

function numberText(value, digits = 9) {
  return value === null || value === undefined ? "–" : value.toLocaleString("en", { maximumSignificantDigits: digits });
}

function timeText(seconds) {
  return seconds === null || seconds === undefined ? "–" : new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
}

// uPlot's own labels end at three decimals, and funding rates begin below them.
function tickTexts(_, ticks, ...rest) {
  const step = rest[2];
  const digits = Math.min(12, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  return ticks.map((tick) => tick.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
}

function axis(more) {
  const grid = { stroke: colour("--line"), width: 1 };
  return { stroke: colour("--muted"), font: "12px system-ui, sans-serif", grid, ticks: { ...grid, size: 5 }, ...more };
}

function chartOptions(chart, width) {
  const options = {
    width,
    height: CHART_HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    cursor: { y: false, points: { size: 6 } },
    scales: { volume: { range: (_, low, high) => [0, (high || 1) * 5] } },
    axes: [axis({}), axis({ values: tickTexts, size: (_, texts) => 18 + 7 * Math.max(4, ...(texts || []).map((text) => text.length)) })],
    series: [
      { label: "UTC", value: (_, seconds) => timeText(seconds) },
      { label: chart.column, stroke: colour("--held"), width: 1.5, value: (_, value) => numberText(value), points: { show: chart.values.length < 60 } },
    ],
  };
  if (chart.volumes) {
    options.series.push({
      label: "volume", scale: "volume", stroke: colour("--volume"), fill: colour("--volume"), width: 0,
      paths: uPlot.paths.bars({ size: [0.7] }), points: { show: false }, value: (_, value) => numberText(value, 5),
    });
  }
  return options;
}

function chartNote(chart, points) {
  const each = chart.bucket ? `last value of each ${chart.bucket}` : "each row";
  const volume = chart.volumes ? ", volume below" : "";
  return `${chart.column} (${chart.unit}), ${each}, ${points.toLocaleString("en")} points${volume}. Drag to zoom, double-click for the whole.`;
}

function drawChart(box, name, place) {
  const chart = JSON.parse(document.getElementById(`chart-${place}`).textContent);
  const columns = columnsOf(chart);
  const holder = element("div", { class: "plot", role: "img", "aria-label": `Chart of ${chart.column} of ${name}` });
  box.replaceChildren(holder, element("p", { class: "muted" }, chartNote(chart, chart.values.length)));
  let plot = null;
  const draw = () => {
    if (plot) plot.destroy();
    plot = new uPlot(chartOptions(chart, holder.clientWidth), columns, holder);
  };
  draw();
  openCharts.add(draw);
  let width = holder.clientWidth;
  const observer = new ResizeObserver(() => {
    if (holder.clientWidth && holder.clientWidth !== width) {
      width = holder.clientWidth;
      plot.setSize({ width, height: CHART_HEIGHT });
    }
  });
  observer.observe(holder);
  return () => {
    openCharts.delete(draw);
    observer.disconnect();
    plot.destroy();
    box.replaceChildren();
  };
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => openCharts.forEach((draw) => draw()));
