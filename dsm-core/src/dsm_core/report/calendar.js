"use strict";

// Elements made from text only: nothing of the data is ever parsed as HTML.
function element(tag, attributes = {}, ...children) {
  const svg = ["svg", "path", "text", "rect", "title"].includes(tag);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const DAY_MS = 86400000;
const PITCH = 13;
const CELL = 10;
const LEFT = 34;
const TOP = 16;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const STATES = {
  held: "held",
  notched: "held but for holes",
  hole: "hole: the venue has none",
  partly: "partly held",
  missing: "missing",
  closed: "market closed",
};

function stateOf([held, holes, provisional, missing, closed]) {
  const lacking = provisional + missing;
  if (lacking > 0) return held > 0 ? "partly" : "missing";
  if (held > 0) return holes > 0 ? "notched" : "held";
  if (holes > 0) return "hole";
  return closed > 0 ? "closed" : "none";
}

// Days of a series by year: {year: [{ms, share}, ...]}.
function daysByYear(days) {
  const years = new Map();
  let ms = Date.parse(days.first + "T00:00:00Z");
  for (const [count, ...share] of days.runs) {
    for (let i = 0; i < count; i++, ms += DAY_MS) {
      const year = new Date(ms).getUTCFullYear();
      if (!years.has(year)) years.set(year, []);
      years.get(year).push({ ms, share, state: stateOf(share) });
    }
  }
  return years;
}

// Column and row of a day in its year: weeks from Monday.
function placeOf(ms, newYear) {
  const shift = (new Date(newYear).getUTCDay() + 6) % 7;
  const index = Math.round((ms - newYear) / DAY_MS) + shift;
  return [Math.floor(index / 7), index % 7];
}

function square(ms, newYear, inset = 0) {
  const [column, row] = placeOf(ms, newYear);
  const side = CELL - 2 * inset;
  return `M${LEFT + column * PITCH + inset} ${TOP + row * PITCH + inset}h${side}v${side}h-${side}z`;
}

function countsOf(days) {
  const counts = {};
  for (const { state } of days) counts[state] = (counts[state] || 0) + 1;
  return counts;
}

function yearLabel(name, year, counts) {
  const told = Object.keys(STATES).filter((state) => counts[state]);
  return `${name}, ${year}: ` + told.map((state) => `${counts[state]} days ${STATES[state].split(":")[0]}`).join(", ");
}

function monthTexts(year, newYear) {
  return MONTHS.map((month, i) => {
    // The first week that begins in the month.
    const [column, row] = placeOf(Date.UTC(year, i, 1), newYear);
    return element("text", { x: LEFT + (column + (row > 0 ? 1 : 0)) * PITCH, y: 10 }, month);
  });
}

// One path a state, each day a square of it: a page of 300 series stays small and quick.
function yearDrawing(name, year, days) {
  const newYear = Date.UTC(year, 0, 1);
  const squares = { none: "" };
  let notches = "";
  for (let ms = newYear; ms < Date.UTC(year + 1, 0, 1); ms += DAY_MS) {
    if (ms < days[0].ms || ms > days[days.length - 1].ms) squares.none += square(ms, newYear);
  }
  for (const { ms, state } of days) {
    squares[state] = (squares[state] || "") + square(ms, newYear, state === "missing" ? 0.75 : 0);
    if (state === "notched") notches += square(ms, newYear, 3);
  }
  const [columns] = placeOf(Date.UTC(year, 11, 31), newYear);
  const width = LEFT + (columns + 1) * PITCH;
  const height = TOP + 7 * PITCH;
  const drawing = element("svg", {
    class: "year", viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    "aria-label": yearLabel(name, year, countsOf(days)), "data-year": year,
  });
  drawing.append(element("text", { class: "year-number", x: 0, y: 10 }, String(year)), ...monthTexts(year, newYear));
  for (const [row, day] of [[0, "Mon"], [2, "Wed"], [4, "Fri"]]) {
    drawing.append(element("text", { x: 0, y: TOP + row * PITCH + 9 }, day));
  }
  for (const [state, d] of Object.entries(squares)) {
    if (d) drawing.append(element("path", { class: `day ${state}`, d }));
  }
  if (notches) drawing.append(element("path", { class: "notch", d: notches }));
  drawing.days = new Map(days.map((day) => [day.ms, day]));
  return drawing;
}

// Drawings of all years; neighbouring years of which nothing is held are one line of text.
function calendarOf(name, days) {
  const parts = [];
  let bare = [];
  const tell = () => {
    if (!bare.length) return;
    const years = bare.length > 1 ? `${bare[0][0]} to ${bare[bare.length - 1][0]}` : String(bare[0][0]);
    const holes = bare.every(([, found]) => found.every(({ state }) => state === "hole" || state === "closed"));
    const why = holes ? "the venue has none" : "nothing is held";
    parts.push(element("p", { class: "bare muted" }, `${years}: ${why}`));
    bare = [];
  };
  for (const [year, found] of daysByYear(days)) {
    if (found.every(({ share }) => share[0] === 0)) {
      bare.push([year, found]);
    } else {
      tell();
      parts.push(yearDrawing(name, year, found));
    }
  }
  tell();
  return parts;
}

function shareText(seconds, slot) {
  if (slot && slot < 86400) {
    const bars = Math.round(seconds / slot);
    return `${bars.toLocaleString("en")} bar${bars === 1 ? "" : "s"}`;
  }
  return seconds >= 86400 ? "all day" : `${Math.max(0.1, (seconds / 864)).toFixed(1)} %`;
}

function dayText({ ms, share, state }, slot) {
  const names = ["held", "the venue has none", "asked for in vain, not final", "missing"];
  const parts = names.map((name, i) => (share[i] ? `${shareText(share[i], slot)}: ${name}` : null)).filter(Boolean);
  const bare = { none: "outside the known span", closed: "market closed" }[state];
  return [new Date(ms).toISOString().slice(0, 10), ...(bare ? [bare] : parts)];
}

// The day under the pointer, from its place: squares are no elements of their own.
function dayAt(drawing, event) {
  const box = drawing.getBoundingClientRect();
  const scale = drawing.viewBox.baseVal.width / box.width;
  const column = Math.floor(((event.clientX - box.left) * scale - LEFT) / PITCH);
  const row = Math.floor(((event.clientY - box.top) * scale - TOP) / PITCH);
  if (column < 0 || row < 0 || row > 6) return null;
  const newYear = Date.UTC(Number(drawing.dataset.year), 0, 1);
  const shift = (new Date(newYear).getUTCDay() + 6) % 7;
  return drawing.days.get(newYear + (column * 7 + row - shift) * DAY_MS) || null;
}

function followPointer(drawings, slot) {
  const tip = document.getElementById("tip");
  const show = (event) => {
    const drawing = event.target.closest("svg.year");
    const day = drawing && dayAt(drawing, event);
    tip.hidden = !day;
    if (!day) return;
    tip.replaceChildren(...dayText(day, slot).map((line) => element("div", {}, line)));
    const left = Math.min(event.clientX + 12, document.documentElement.clientWidth - tip.offsetWidth - 8);
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${event.clientY + 16}px`;
  };
  drawings.addEventListener("pointermove", show);
  drawings.addEventListener("pointerdown", show);
  drawings.addEventListener("pointerleave", () => { tip.hidden = true; });
}
