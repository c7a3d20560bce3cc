"use strict";

// What Django's admin leaves out: names of columns for narrow screens, and of fields for readers.
(() => {
  const page = document.documentElement.lang;
  const language = navigator.languages.find((it) => it.split("-")[0] === page) ?? page;
  const thousands = new Intl.NumberFormat(language);
  const EMPTY = /^\s*[-–]?\s*$/;
  const NUMBER = /^[-+−–]?[\d.,\s]*\d$/;

  function markThousands(element) {
    const text = element.textContent.trim();
    if (!element.children.length && /^[-+]?\d{4,}$/.test(text)) {
      element.textContent = thousands.format(text);
      element.title = text;
    }
  }

  // A column of numbers only is one in which digits stand below digits.
  function alignNumbers(table) {
    const rows = [...table.querySelectorAll("#result_list tbody tr")];
    table.querySelectorAll("#result_list thead th").forEach((head, index) => {
      const cells = rows.map((row) => row.children[index]).filter(Boolean);
      const texts = cells.map((cell) => cell.textContent.trim()).filter((text) => !EMPTY.test(text));
      if (!texts.length || !texts.every((text) => NUMBER.test(text))) return;
      for (const cell of [head, ...cells]) cell.classList.add("number");
      for (const cell of cells) markThousands(cell.querySelector("a") ?? cell);
    });
  }

  function nameColumns() {
    for (const table of document.querySelectorAll("#result_list, .inline-group .tabular table")) {
      const names = [];
      for (const head of table.querySelectorAll("thead th")) {
        const name = (head.querySelector(".text") ?? head).textContent.trim();
        names.push(...Array(head.colSpan).fill(name));
      }
      for (const row of table.querySelectorAll("tbody tr")) {
        [...row.children].forEach((cell, index) => {
          const isNamed = names[index] && !cell.matches(".action-checkbox, .original, [colspan]");
          if (isNamed) cell.dataset.label = names[index];
          const isEmpty = EMPTY.test(cell.textContent) && !cell.querySelector("img, input");
          cell.classList.toggle("without", isEmpty);
        });
      }
      alignNumbers(table);
    }
  }

  const search = document.querySelector("#changelist-search [type=submit]");
  document.getElementById("searchbar")?.setAttribute("aria-label", search?.value ?? "");

  // Times are written in UTC (hubsite/formats): show them in the viewer's zone, and UTC on hover.
  // They are also in the middle of sentences, as in what a part says of its health.
  const UTC = /(?:(\d{4})-(\d\d)-(\d\d)|(\d\d)\.(\d\d)\.(\d{4})) (\d\d:\d\d)(:\d\d)? UTC/;
  const NOT_WORDS = "time[title], pre, code, script, style, textarea, select";
  const minutes = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const seconds = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });

  function timeOf(found, isInList) {
    const [text, year, month, day, germanDay, germanMonth, germanYear, clock, rest] = found;
    const time = document.createElement("time");
    const date = year ? `${year}-${month}-${day}` : `${germanYear}-${germanMonth}-${germanDay}`;
    time.dateTime = `${date}T${clock}${rest ?? ":00"}Z`;
    time.title = text;
    const at = new Date(time.dateTime);
    time.textContent = Number.isNaN(at.getTime()) ? text : (rest && !isInList ? seconds : minutes).format(at);
    return time;
  }

  function showTimes() {
    for (const time of document.querySelectorAll("#content time[datetime]:not([title])")) {
      if (!UTC.test(time.textContent)) continue;
      time.title = time.textContent.trim();
      time.textContent = minutes.format(new Date(time.dateTime));
    }
    const content = document.getElementById("content");
    if (!content) return;
    const texts = document.createTreeWalker(content, NodeFilter.SHOW_TEXT);
    const found = [];
    while (texts.nextNode()) {
      const text = texts.currentNode;
      if (UTC.test(text.data) && !text.parentElement.closest(NOT_WORDS)) found.push(text);
    }
    for (let text of found) {
      const isInList = Boolean(text.parentElement.closest("#result_list"));
      for (let time = UTC.exec(text.data); time; time = UTC.exec(text.data)) {
        const after = text.splitText(time.index);
        after.data = after.data.slice(time[0].length);
        after.before(timeOf(time, isInList));
        text = after;
      }
    }
  }

  nameColumns();
  showTimes();

  // A live list is replaced as a whole: its boxes need Django's script again.
  document.addEventListener("htmx:after:swap", () => {
    nameColumns();
    showTimes();
    const boxes = document.querySelectorAll("tr input.action-select");
    if (boxes.length && window.Actions) window.Actions(boxes);
  });


  // Widgets are made when the page is loaded, by listeners that came before this one.
  window.addEventListener("load", () => setTimeout(() => {
    for (const sign of document.querySelectorAll("span.help-tooltip[aria-label]")) {
      sign.setAttribute("role", "img");
    }
  }));
})();
