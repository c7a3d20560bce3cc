/* Charts from tables: <figure class="chart" data-kind="lines|bars|area"><table>…</table></figure>.

   The table is the truth. Its first column is a time (<time datetime>) or a name, each other column
   is a series; data-value of a cell is the number, its text is what readers see. data-tone of a head
   is what the series' colour means. data-stacked puts the series of a row on each other. */

(() => {
  "use strict";

  const HEIGHT = 190;
  const PALETTE = ["accent", "info", "good", "warn", "bad", "muted"];
  const SIZES = ["", "kB", "MB", "GB", "TB", "PB"];
  const language = document.documentElement.lang || undefined;
  const compact = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
  const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const drawn = new Map();

  function read(figure) {
    const table = figure.querySelector("table");
    const heads = [...table.querySelectorAll("thead th")].slice(1);
    const rows = [...table.querySelectorAll("tbody tr")];
    const times = rows.map((row) => row.cells[0].querySelector("time"));
    const isTime = rows.length > 0 && times.every((time) => time);
    const names = rows.map((row) => row.cells[0].textContent.trim());
    const isDaily = isTime && times.every((time) => time.dateTime.length === 10);
    return {
      isTime,
      isDaily,
      names,
      x: isTime ? times.map((time) => momentOf(time.dateTime)) : rows.map((_, index) => index),
      series: heads.map((head, index) => ({
        title: head.textContent.trim(),
        tone: head.dataset.tone || PALETTE[index % PALETTE.length],
        values: rows.map((row) => numberOf(row.cells[index + 1])),
        texts: rows.map((row) => row.cells[index + 1].textContent.trim()),
      })),
    };
  }

  // A day belongs to its own date in each zone; a moment is shown in the viewer's.
  function momentOf(text) {
    return new Date(text.length === 10 ? `${text}T00:00` : text).getTime() / 1000;
  }

  function numberOf(cell) {
    const text = cell.dataset.value ?? cell.textContent.trim();
    const value = Number(text);
    return text === "" || !Number.isFinite(value) ? null : value;
  }

  function shortDuration(seconds) {
    if (seconds < 60) return `${Math.round(seconds * 10) / 10} s`;
    if (seconds < 3600) return `${Math.round(seconds / 6) / 10} min`;
    if (seconds < 172800) return `${Math.round(seconds / 360) / 10} h`;
    return `${Math.round(seconds / 8640) / 10} d`;
  }

  function shortSize(bytes) {
    let power = 0;
    while (bytes >= 1000 && power < SIZES.length - 1) { bytes /= 1000; power += 1; }
    return `${compact.format(bytes)} ${SIZES[power]}`.trim();
  }

  const FORMATS = { duration: shortDuration, size: shortSize };

  // Steps that people count in; uPlot would divide an hour into tenths.
  const STEPS = {
    duration: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
      86400, 172800, 432000, 864000, 1728000],
  };

  function colorOf(figure, name) {
    return getComputedStyle(figure).getPropertyValue(`--chart-${name}`).trim();
  }

  function stacked(series) {
    const sums = series[0].values.map(() => 0);
    return series.map((one) => one.values.map((value, row) => (sums[row] += value ?? 0)));
  }

  function labelOf(table, value, isShort) {
    if (!table.isTime) return table.names[value] ?? "";
    const at = new Date(value * 1000);
    if (table.isDaily) return at.toLocaleDateString(language, { day: "numeric", month: "short" });
    const isMidnight = at.getHours() === 0 && at.getMinutes() === 0;
    if (isShort && !isMidnight) {
      return at.toLocaleTimeString(language, CLOCK);
    }
    const day = { day: "numeric", month: "short" };
    return at.toLocaleString(language, isShort ? day : { ...day, ...CLOCK });
  }

  // A long name would run into the next one. A character is about 7 px wide.
  function fit(text, space) {
    const most = Math.max(3, Math.floor(space / 6.5) - 1);
    return text.length > most ? `${text.slice(0, most - 1)}…` : text;
  }

  function options(figure, table, width, reading) {
    const kind = figure.dataset.kind;
    const isStacked = "stacked" in figure.dataset && kind !== "lines";
    const format = FORMATS[figure.dataset.unit] ?? ((value) => compact.format(value));
    const ink = colorOf(figure, "ink");
    const line = colorOf(figure, "line");
    const bars = uPlot.paths.bars({ size: [0.75, 48] });
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { show: false } };
    const font = `12px ${getComputedStyle(figure).fontFamily}`;
    const half = kind === "bars" || table.x.length === 1 ? halfOfStep(table) : 0;
    const series = table.series.map((one) => {
      const color = colorOf(figure, one.tone);
      return {
        label: one.title,
        stroke: kind === "bars" ? "transparent" : color,
        fill: kind === "lines" ? undefined : isStacked || kind === "bars" ? color : `${color}33`,
        width: kind === "bars" ? 0 : 2,
        paths: kind === "bars" ? bars : undefined,
        points: { show: table.x.length === 1 && kind !== "bars" },
      };
    });
    return {
      width,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: kind !== "bars" } },
      scales: {
        x: { time: table.isTime, range: () => [table.x[0] - half, table.x.at(-1) + half] },
        y: { range: (_, low, high) => [Math.min(0, low ?? 0) * 1.08, high > 0 ? high * 1.08 : 1] },
      },
      axes: [
        {
          ...axis,
          font,
          grid: { show: false },
          space: table.isTime ? 64 : 44,
          incrs: table.isTime ? undefined : [1, 2, 5, 10, 20, 50, 100],
          size: 32,
          values: (_, splits, __, space) => splits.map((value) => fit(labelOf(table, value, true), space)),
        },
        {
          ...axis,
          font,
          size: (_, values) => 14 + 7 * Math.max(2, ...(values ?? []).map((text) => text.length)),
          space: 36,
          incrs: STEPS[figure.dataset.unit] ?? undefined,
          values: (_, splits) => splits.map(format),
        },
      ],
      // Of stacked series the highest is drawn first, and those below it cover it.
      series: [{}, ...(isStacked ? series.reverse() : series)],
      hooks: { setCursor: [(plot) => tell(reading, table, plot.cursor.idx)] },
    };
  }

  function halfOfStep({ x, isTime, isDaily }) {
    if (x.length < 2) return isDaily ? 43200 : isTime ? 1800 : 0.5;
    let step = Infinity;
    for (let n = 1; n < x.length; n += 1) step = Math.min(step, x[n] - x[n - 1]);
    return step / 2;
  }

  function tell(reading, table, row) {
    if (row === null || row === undefined) { reading.textContent = "\u00a0"; return; }
    const values = table.series.map((one) => `${one.title} ${one.texts[row] || "–"}`);
    const at = table.isTime ? labelOf(table, table.x[row], false) : table.names[row];
    reading.textContent = `${at}: ${values.join(" · ")}`;
  }

  function keyOf(table) {
    const key = document.createElement("p");
    key.className = "chart-key";
    for (const one of table.series) {
      const item = document.createElement("span");
      item.dataset.tone = one.tone;
      item.textContent = one.title;
      key.append(item);
    }
    return key;
  }

  function draw(figure) {
    const drawing = figure.querySelector(".chart-drawing");
    const before = drawn.get(figure);
    before?.plot.destroy();
    const table = read(figure);
    if (!drawing || !table.series.length || !table.x.length) return;
    const canvas = document.createElement("div");
    const reading = document.createElement("p");
    reading.className = "chart-reading";
    reading.textContent = "\u00a0";
    drawing.hidden = false;
    drawing.replaceChildren(canvas, ...(table.series.length > 1 ? [keyOf(table)] : []), reading);
    const isStacked = "stacked" in figure.dataset && figure.dataset.kind !== "lines";
    const values = isStacked ? stacked(table.series).reverse() : table.series.map((s) => s.values);
    const width = Math.max(160, drawing.clientWidth);
    const plot = new uPlot(options(figure, table, width, reading), [table.x, ...values], canvas);
    drawn.set(figure, { plot, canvas, width, text: figure.querySelector("table").outerHTML });
    if (!before) figure.querySelector("details")?.removeAttribute("open");
  }

  function drawAll(isAnew) {
    for (const figure of drawn.keys()) {
      if (!figure.isConnected) { drawn.get(figure).plot.destroy(); drawn.delete(figure); sizes.unobserve(figure); }
    }
    for (const figure of document.querySelectorAll("figure.chart:has(table)")) {
      const known = drawn.get(figure);
      const isSame = known && known.canvas.isConnected
        && known.text === figure.querySelector("table").outerHTML;
      if (isSame && !isAnew) continue;
      draw(figure);
      sizes.observe(figure);
    }
  }

  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const known = drawn.get(target);
      const width = Math.max(160, target.querySelector(".chart-drawing")?.clientWidth ?? 0);
      if (!known || known.width === width) continue;
      known.width = width;
      known.plot.setSize({ width, height: HEIGHT });
    }
  });

  // Parts of live pages are replaced, and the table with them.
  let isAsked = false;
  new MutationObserver((changes) => {
    const isOurs = (node) => node.closest?.(".chart-drawing");
    if (isAsked || changes.every((change) => isOurs(change.target))) return;
    isAsked = true;
    requestAnimationFrame(() => { isAsked = false; drawAll(false); });
  }).observe(document.body, { childList: true, subtree: true });

  // Colours are those of the page, which may change.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(true));
  new MutationObserver(() => drawAll(true))
    .observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });

  drawAll(false);
})();
