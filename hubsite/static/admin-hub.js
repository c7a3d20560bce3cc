"use strict";

// What Django's admin leaves out: names of columns for narrow screens, and of fields for readers.
(() => {
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

  document.getElementById("searchbar")?.setAttribute("aria-label", "Search");

  // Widgets are made when the page is loaded, by listeners that came before this one.
  window.addEventListener("load", () => setTimeout(() => {
    for (const sign of document.querySelectorAll("span.help-tooltip[aria-label]")) {
      sign.setAttribute("role", "img");
    }
  }));
})();
