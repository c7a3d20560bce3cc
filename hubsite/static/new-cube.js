/* The page "New cube": asks for the price while one types, and draws the area on a map.

   The text fields are the truth: the map follows them, and writes into them. */

(() => {
  "use strict";

  const form = document.querySelector(".new-cube");
  const priceUrl = form.getAttribute("data-price"); // a field is called "dataset"
  const price = document.getElementById("price");
  const panel = document.querySelector(".price");
  const SIDES = ["x1", "y1", "x2", "y2"];
  const WHOLE = [-180, -90, 180, 90];
  const PAUSE_MS = 500;

  let timer = 0;
  let asking = null;

  // People of some languages write a comma before the decimals.
  const hasComma = new Intl.NumberFormat(document.documentElement.lang).format(1.5).includes(",");

  function numberOf(text) {
    return parseFloat(hasComma ? text.replace(",", ".") : text);
  }

  function field(name) {
    return document.getElementById(`id_${name}`);
  }

  // The price

  // What the hub said of the submitted form stays beside a field until that is changed.
  const submitted = new Set([...form.querySelectorAll("[data-field]")].filter((part) => part.querySelector(".about .fault")));
  form.addEventListener("input", (event) => submitted.delete(event.target.closest("[data-field]")));

  function showFaults() {
    for (const part of form.querySelectorAll("[data-field]")) {
      if (price.contains(part) || submitted.has(part)) continue;
      const about = part.querySelector(".about");
      about.dataset.hint ??= about.querySelector(".hint")?.textContent ?? "";
      const fault = price.querySelector(`[data-field="${part.dataset.field}"] span`);
      const wasTyped = field(part.dataset.field).value !== "";
      const line = document.createElement("span");
      line.className = fault && wasTyped ? "fault" : "hint";
      line.textContent = fault && wasTyped ? fault.textContent : about.dataset.hint;
      about.replaceChildren(line);
      field(part.dataset.field).setAttribute("aria-invalid", String(Boolean(fault && wasTyped)));
    }
  }

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    panel.classList.add("is-old");
    try {
      const answer = await fetch(priceUrl, {
        method: "POST", body: new URLSearchParams(new FormData(form)), signal: asking.signal,
      });
      const isOurs = answer.ok && !answer.redirected;
      if (isOurs) {
        const opened = [...price.querySelectorAll("details")].map((it) => it.open);
        price.innerHTML = await answer.text();
        price.querySelectorAll("details").forEach((it, number) => { it.open = opened[number] ?? it.open; });
        showFaults();
      } else {
        price.textContent = answer.redirected
          ? price.dataset.textSignedOut
          : price.dataset.textNoPrice;
      }
      panel.classList.remove("is-old");
    } catch (error) {
      if (error.name === "AbortError") return;
      price.textContent = price.dataset.textUnreachable;
      panel.classList.remove("is-old");
    }
  }

  function askSoon() {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE_MS);
  }

  form.addEventListener("input", askSoon);
  form.addEventListener("change", askSoon);

  // A cube costs units: only its button submits, not Enter in a field.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input")) return;
    event.preventDefault();
    clearTimeout(timer);
    ask();
  });

  // The dataset

  const about = document.getElementById("dataset");
  const suggested = document.getElementById("datasets");
  let onDataset = () => {};
  let looked = "";

  async function load(name, values, into) {
    const answer = await fetch(`${form.getAttribute(name)}?${new URLSearchParams(values)}`);
    if (answer.ok && !answer.redirected) into.innerHTML = await answer.text();
  }

  function chosenVariables() {
    return field("variables").value.split(",").map((name) => name.trim()).filter(Boolean);
  }

  function showChosen() {
    const chosen = new Set(chosenVariables());
    for (const box of about.querySelectorAll("[data-variable]")) {
      box.checked = chosen.has(box.dataset.variable);
    }
  }

  // The first of them as buttons too: a list that opens below a field is hard to find.
  const shown = document.getElementById("suggestions");
  const MOST_SHOWN = 6;

  async function suggest() {
    const typed = field("dataset").value.trim();
    await load("data-datasets", { store: field("store").value, search: typed }, suggested);
    const ids = [...suggested.options].map((it) => it.value).filter(Boolean);
    const others = ids.includes(typed) ? [] : ids.slice(0, MOST_SHOWN);
    shown.replaceChildren(shown.firstElementChild, ...others.map((id) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "plain";
      button.textContent = button.value = id;
      return button;
    }));
    shown.hidden = others.length === 0;
    return others.length > 0;
  }

  shown.addEventListener("click", ({ target }) => {
    if (!target.value) return;
    field("dataset").value = target.value;
    field("dataset").dispatchEvent(new Event("input", { bubbles: true }));
    field("dataset").focus();
  });

  async function describe() {
    const values = { store: field("store").value, dataset: field("dataset").value.trim() };
    const wanted = JSON.stringify(values);
    if (wanted === looked) return;
    looked = wanted;
    await load("data-dataset", values, about);
    showChosen();
    const told = about.querySelector(".dataset-about")?.dataset ?? {};
    for (const name of ["since", "until"]) {
      field(name).min = told.first ?? "";
      field(name).max = told.last ?? "";
    }
    onDataset(told.extent ? told.extent.split(" ").map(Number) : null);
  }

  // What is typed as yet may be a part of a name: it is described when it is one.
  async function look() {
    if (!(await suggest()) || !field("dataset").value.trim()) return describe();
    looked = "";
    about.replaceChildren();
    onDataset(null);
  }

  let waiting = 0;

  function lookSoon() {
    clearTimeout(waiting);
    waiting = setTimeout(look, PAUSE_MS);
  }

  field("dataset").addEventListener("input", lookSoon);
  field("store").addEventListener("change", lookSoon);
  field("variables").addEventListener("input", showChosen);
  about.addEventListener("change", (event) => {
    const name = event.target.dataset.variable;
    if (name === undefined) return;
    const others = chosenVariables().filter((it) => it !== name);
    field("variables").value = [...others, ...(event.target.checked ? [name] : [])].join(", ");
  });

  // The map

  const place = document.getElementById("map");
  const tools = document.querySelector(".map-tools");

  function typedArea() {
    const sides = SIDES.map((name) => numberOf(field(name).value));
    const isArea = sides.every(Number.isFinite) && sides[0] < sides[2] && sides[1] < sides[3];
    return isArea ? sides : null;
  }

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function isGeographic() {
    return ["", "EPSG:4326", "CRS84", "OGC:CRS84", "WGS84"].includes(field("crs").value.trim().toUpperCase());
  }

  // Rings that cross the date line (Fiji) would be drawn across the whole map. The Antarctic's goes
  // around the pole: its jump at 84.7° south is its lower edge. The file also has all land as one
  // shape, whose ring of Africa, Asia and Europe cannot be moved like this: only countries are read.
  function mendDateLine(outline, geom) {
    const goesAround = (ring) => ring.some(([lon, lat], at) =>
      at > 0 && Math.abs(lon - ring[at - 1][0]) > 180 && Math.abs(lat) < 84);
    const moved = (ring) => ring.map(([lon, lat]) => [lon < 0 ? lon + 360 : lon, lat]);
    for (const feature of outline.getFeatures()) {
      const shape = feature.getGeometry();
      const polygons = shape.getType() === "Polygon" ? [shape.getCoordinates()] : shape.getCoordinates();
      if (!polygons.some((rings) => goesAround(rings[0]))) continue;
      feature.setGeometry(new geom.MultiPolygon(polygons.flatMap((rings) => {
        if (!goesAround(rings[0])) return [rings];
        const east = rings.map(moved);
        return [east, east.map((ring) => ring.map(([lon, lat]) => [lon - 360, lat]))];
      })));
    }
  }

  function makeMap() {
    const { Map: OlMap, View, layer, source, style, format, geom, Feature, interaction, control } = ol;
    const lines = new style.Style({
      stroke: new style.Stroke({ color: color("--muted"), width: 0.7 }),
      fill: new style.Fill({ color: color("--line") }),
    });
    const chosen = new style.Style({
      stroke: new style.Stroke({ color: color("--accent"), width: 2.5 }),
      fill: new style.Fill({ color: `${color("--accent")}33` }),
    });
    const outline = new source.Vector({
      url: place.dataset.outline,
      format: new format.TopoJSON({ dataProjection: "EPSG:4326", layers: ["countries"] }),
    });
    outline.on("featuresloadend", () => mendDateLine(outline, geom));
    const drawn = new source.Vector();
    const extents = new source.Vector();
    const extentStyle = new style.Style({
      stroke: new style.Stroke({ color: color("--accent"), width: 1.2, lineDash: [5, 4] }),
    });
    const view = new View({
      projection: "EPSG:4326", center: [0, 20], zoom: 0, extent: WHOLE, showFullExtent: true,
    });
    place.hidden = tools.hidden = false;
    const map = new OlMap({
      target: place,
      view,
      controls: [
        new control.Zoom({
          zoomInTipLabel: place.dataset.textZoomIn, zoomOutTipLabel: place.dataset.textZoomOut,
        }),
      ],
      layers: [
        new layer.Vector({ source: outline, style: lines }),
        new layer.Vector({ source: extents, style: extentStyle }),
        new layer.Vector({ source: drawn, style: chosen }),
      ],
    });

    function showTyped(isFirst) {
      const isShown = isGeographic();
      place.hidden = tools.hidden = !isShown;
      drawn.clear();
      const area = typedArea();
      if (!isShown || !area) return;
      drawn.addFeature(new Feature(geom.Polygon.fromExtent(area)));
      if (isFirst) view.fit(area, { padding: [40, 40, 40, 40], maxZoom: 4 });
    }

    onDataset = (extent) => {
      extents.clear();
      if (!extent) return;
      extents.addFeature(new Feature(geom.Polygon.fromExtent(extent)));
      if (!typedArea()) view.fit(extent, { padding: [40, 40, 40, 40], maxZoom: 5 });
    };

    // An area is dragged, or has two corners that are clicked one after the other.
    const how = tools.querySelector("[data-how]");
    const draw = tools.querySelector("[data-draw]");
    const preview = new Feature();
    const zoom = map.getInteractions().getArray().find((it) => it instanceof interaction.DoubleClickZoom);
    let drawing = null;
    let corner = null;

    function stopDrawing() {
      if (drawing) map.removeInteraction(drawing);
      // A second corner that is clicked quickly is a double click, too: it does not zoom.
      if (drawing) setTimeout(() => zoom.setActive(true), 500);
      drawing = corner = null;
      how.hidden = true;
      place.classList.remove("is-drawing");
      draw.setAttribute("aria-pressed", "false");
    }

    function box(one, other) {
      return [Math.min(one[0], other[0]), Math.min(one[1], other[1]), Math.max(one[0], other[0]), Math.max(one[1], other[1])];
    }

    function take(extent) {
      SIDES.forEach((name, number) => {
        const most = number % 2 ? 90 : 180;
        field(name).value = digits(Math.max(-most, Math.min(most, extent[number])));
      });
      stopDrawing();
      showTyped(false);
      askSoon();
    }

    map.on("click", ({ coordinate }) => {
      if (!drawing) return;
      if (corner) return take(box(corner, coordinate));
      corner = coordinate;
      drawn.clear();
    });
    map.on("pointermove", ({ coordinate }) => {
      if (!corner) return;
      preview.setGeometry(geom.Polygon.fromExtent(box(corner, coordinate)));
      if (!drawn.hasFeature(preview)) drawn.addFeature(preview);
    });

    function digits(side) {
      const typed = String(Math.round(side * 10000) / 10000);
      return hasComma ? typed.replace(".", ",") : typed;
    }

    draw.addEventListener("click", () => {
      const wasDrawing = drawing !== null;
      stopDrawing();
      if (wasDrawing) return showTyped(false);
      drawing = new interaction.DragBox({ condition: () => true, className: "drawn-box" });
      drawing.on("boxend", () => take(drawing.getGeometry().getExtent()));
      map.addInteraction(drawing);
      zoom.setActive(false);
      how.hidden = false;
      place.classList.add("is-drawing");
      draw.setAttribute("aria-pressed", "true");
    });

    tools.querySelector("[data-clear]").addEventListener("click", () => {
      stopDrawing();
      for (const name of SIDES) field(name).value = "";
      showTyped(false);
      askSoon();
    });

    for (const name of [...SIDES, "crs"]) field(name).addEventListener("input", () => showTyped(false));
    showTyped(true);
  }

  if (window.ol) makeMap();
  look();
  if (field("dataset").value) ask();
})();
