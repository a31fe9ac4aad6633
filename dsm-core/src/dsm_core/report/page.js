const SERIES = JSON.parse(document.getElementById("data").textContent);
const UNITS = ["B", "kB", "MB", "GB", "TB"];
const AT_ONCE = 20;
const MANY = 60;

function count(value) {
  return value.toLocaleString("en");
}

function plural(value, noun) {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

function sizeText(bytes) {
  let unit = 0;
  while (bytes >= 1000 && unit < UNITS.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  return `${bytes.toFixed(unit === 0 || bytes >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

function momentText(ms) {
  return ms === null ? "–" : new Date(ms).toISOString().slice(0, 16).replace("T", " ").replace(" 00:00", "");
}

// Only what is whole says 100, only what is nothing says 0.
function percentText(share) {
  if (share === 0 || share === 1) return `${share * 100} %`;
  return `${Math.min(99.9, Math.max(0.1, share * 100)).toFixed(1)} %`;
}

function lengthText(ms) {
  for (const [length, unit] of [[DAY_MS, "day"], [3600000, "hour"], [60000, "minute"]]) {
    if (ms >= length) return plural(Math.floor(ms / length), unit);
  }
  return plural(Math.floor(ms / 1000), "second");
}

function swatch(state) {
  const icon = element("svg", { class: "swatch", viewBox: "0 0 10 10", width: 12, height: 12, "aria-hidden": "true" });
  const inset = state === "missing" ? 0.75 : 0;
  icon.append(element("path", { class: `day ${state}`, d: `M${inset} ${inset}h${10 - 2 * inset}v${10 - 2 * inset}h-${10 - 2 * inset}z` }));
  if (state === "notched") icon.append(element("path", { class: "notch", d: "M3 3h4v4h-4z" }));
  return icon;
}

function nameOf(series) {
  const chip = series.interval ? element("span", { class: "chip" }, series.interval) : null;
  return [element("bdi", { class: "symbol" }, series.symbol), chip];
}

const COLUMNS = [
  ["Series", (s) => s.name, null],
  ["Rows", (s) => s.rows, (s) => count(s.rows)],
  ["Size", (s) => s.bytes, (s) => sizeText(s.bytes)],
  ["First", (s) => s.first ?? Infinity, (s) => momentText(s.first)],
  ["Last", (s) => s.last ?? -Infinity, (s) => momentText(s.last)],
  ["Held", (s) => s.held, (s) => percentText(s.held)],
  ["Gaps", (s) => s.gap_count, (s) => (s.open_gaps ? `${count(s.gap_count)} (${count(s.open_gaps)} open)` : count(s.gap_count))],
];

function overviewRow(series, place) {
  const link = element("a", { href: `#series-${place}` }, ...nameOf(series));
  const where = element("bdi", { class: "where" }, series.rest.join(" / "));
  const cells = COLUMNS.slice(1).map(([title, , text]) => element("td", { "data-title": title }, text(series)));
  const held = cells[4];
  const meter = element("span", { class: "meter", "aria-hidden": "true" }, element("span", {}));
  meter.firstChild.style.width = `${series.held * 100}%`;
  held.prepend(meter);
  const row = element("tr", {}, element("th", { scope: "row" }, link, where), ...cells);
  const action = element("td", { class: "action" });
  if (!series.no_chart) {
    const button = element("button", { type: "button", "aria-label": `Chart of ${series.name}` }, "Chart");
    button.addEventListener("click", () => {
      const section = document.getElementById(`series-${place}`);
      const toggle = section.querySelector("button.toggle");
      if (toggle.getAttribute("aria-expanded") === "false") toggle.click();
      section.scrollIntoView();
      toggle.focus({ preventScroll: true });
    });
    action.append(button);
  }
  row.append(action);
  return row;
}

function headings(sort) {
  return COLUMNS.map(([title], i) => {
    const button = element("button", { type: "button" }, title);
    const heading = element("th", { scope: "col" }, button);
    button.addEventListener("click", () => sort(i, heading));
    return heading;
  }).concat(element("td"));
}

function fillOverview() {
  const table = document.getElementById("overview");
  const rows = SERIES.map(overviewRow);
  const order = SERIES.map((_, i) => i);
  const sort = (column, heading) => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = COLUMNS[column][1];
    const compare = (a, b) => (value(SERIES[a]) < value(SERIES[b]) ? -1 : value(SERIES[a]) > value(SERIES[b]) ? 1 : a - b);
    order.sort((a, b) => (down ? compare(b, a) : compare(a, b)));
    table.tBodies[0].append(...order.map((i) => rows[i]));
  };
  table.tHead.rows[0].append(...headings(sort));
  table.tBodies[0].append(...rows);
  return rows;
}

function factsOf(series) {
  const parts = [plural(series.rows, "row"), sizeText(series.bytes), `${percentText(series.held)} held`];
  if (series.sources.length) parts.push("from " + series.sources.map(([source, rows]) => `${source} ${count(rows)}`).join(", "));
  if (series.behind) parts.push(`${lengthText(series.behind)} newer not fetched`);
  return parts.join(" · ");
}

function gapRow([start, end, bars, reason, final, detail]) {
  const length = bars === null ? lengthText(end - start) : plural(bars, "bar");
  return element("li", {},
    element("span", { class: "when" }, `${momentText(start)} to ${momentText(end)}`),
    element("span", { class: "muted" }, `${length}: `, element("span", { title: detail || null }, reason.replaceAll("_", " "))),
    element("span", { class: final ? "badge final" : "badge open", title: final ? "never asked for again" : "asking again may fill it" }, final ? "final" : "open"));
}

function gapsOf(series) {
  const title = element("h4", {}, series.gap_count ? plural(series.gap_count, "gap") : "No gaps");
  if (!series.gap_count) return element("div", { class: "gaps" }, title);
  const list = element("ul", { tabindex: 0, "aria-label": `Gaps of ${series.name}` }, ...series.gaps.map(gapRow));
  const more = series.gap_count - series.gaps.length;
  if (more > 0) list.append(element("li", { class: "more muted" }, `and ${count(more)} more`));
  return element("div", { class: "gaps" }, title, list);
}

function chartToggle(series, place, box) {
  if (series.no_chart) return element("span", { class: "muted" }, `No chart: ${series.no_chart}.`);
  const label = (open) => (open ? "Hide chart" : "Chart");
  const button = element("button", { type: "button", class: "toggle", "aria-expanded": "false", "aria-controls": box.id }, label(false));
  let close = null;
  button.addEventListener("click", () => {
    box.hidden = close !== null;
    if (close) close();
    close = close ? null : drawChart(box, series.name, place);
    button.setAttribute("aria-expanded", String(close !== null));
    button.textContent = label(close !== null);
  });
  return button;
}

function seriesCard(series, place) {
  const box = element("div", { class: "chart", id: `plot-${place}`, hidden: true });
  const title = element("h3", {}, ...nameOf(series), " ", element("bdi", { class: "where" }, series.rest.join(" / ")));
  return element("article", { class: "card", id: `series-${place}`, "aria-label": series.name },
    element("div", { class: "bar" }, title, chartToggle(series, place, box)),
    element("p", { class: "muted facts" }, factsOf(series)),
    box, element("div", { class: "body" }));
}

function fillCard(card, series) {
  const years = element("div", { class: "years" }, ...(series.days ? calendarOf(series.name, series.days) : []));
  followPointer(years, series.slot);
  const gapsHeight = 30 + 48 * Math.min(4, series.gap_count);
  card.style.containIntrinsicSize = `auto ${100 + Math.max(115 * years.childElementCount, gapsHeight)}px`;
  card.querySelector(".body").append(years, gapsOf(series));
}

// A screenful at a time, so that the page answers while a long one is still being drawn.
function fillCards(cards, from = 0) {
  cards.slice(from, from + AT_ONCE).forEach((card, i) => fillCard(card, SERIES[from + i]));
  if (from + AT_ONCE < cards.length) setTimeout(() => fillCards(cards, from + AT_ONCE));
  else document.documentElement.dataset.ready = "yes";
}

function sum(value) {
  return SERIES.reduce((total, series) => total + value(series), 0);
}

// Only exchanges close.
function legendOf(all) {
  const closes = all.some((series) => series.days && series.days.runs.some((run) => run[5] > 0));
  return Object.entries(STATES).filter(([state]) => closes || state !== "closed");
}

function fillHeader() {
  const made = document.getElementById("made");
  made.textContent = `Made ${new Date(Number(made.dataset.made)).toISOString().slice(0, 16).replace("T", " ")} UTC. All times are UTC.`;
  const whole = SERIES.filter((series) => series.held === 1).length;
  const totals = [
    ["Series", count(SERIES.length)], ["Rows", count(sum((s) => s.rows))], ["Size", sizeText(sum((s) => s.bytes))],
    ["Complete", `${count(whole)} of ${count(SERIES.length)}`],
    ["Gaps", count(sum((s) => s.gap_count))], ["Open gaps", count(sum((s) => s.open_gaps))],
  ];
  document.getElementById("totals").append(...totals.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
  document.getElementById("legend").append(...legendOf(SERIES).map(([state, text]) => element("li", {}, swatch(state), text)));
  const left = SERIES.filter((series) => series.no_chart && series.no_chart.startsWith("it was left out"));
  if (left.length) {
    const note = document.getElementById("note");
    note.hidden = false;
    note.textContent = `${plural(left.length, "chart")} left out to keep this page small: ${left.slice(0, 10).map((s) => s.name).join(", ")}${left.length > 10 ? " and more" : ""}.`;
  }
}

function watchFilter(rows, cards) {
  const filter = document.getElementById("filter");
  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    SERIES.forEach((series, i) => {
      const name = series.name.toLowerCase();
      const fits = words.every((word) => name.includes(word));
      rows[i].hidden = cards[i].hidden = !fits;
      shown += fits;
    });
    document.getElementById("shown").textContent = words.length ? `${count(shown)} of ${count(SERIES.length)}` : "";
  };
  filter.addEventListener("input", apply);
}

document.documentElement.classList.toggle("many", SERIES.length > MANY);
fillHeader();
const allRows = fillOverview();
const allCards = SERIES.map(seriesCard);
document.getElementById("series").append(...(allCards.length ? allCards : [element("p", { class: "muted" }, "The cache holds no such series.")]));
watchFilter(allRows, allCards);
fillCards(allCards);
