"use strict";

// What Django's admin leaves out: names of columns for narrow screens, and of fields for readers.
(() => {
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
        });
      }
    }
  }

  nameColumns();

  // A live list is replaced as a whole: its boxes need Django's script again.
  document.addEventListener("htmx:after:swap", () => {
    nameColumns();
    const boxes = document.querySelectorAll("tr input.action-select");
    if (boxes.length && window.Actions) window.Actions(boxes);
  });

  document.getElementById("searchbar")?.setAttribute("aria-label", "Search");

  // Widgets are made when the page is loaded, by listeners that came before this one.
  window.addEventListener("load", () => setTimeout(() => {
    for (const sign of document.querySelectorAll("span.help-tooltip[aria-label]")) {
      sign.setAttribute("role", "img");
    }
  }));
})();
