/* Live pages, times in the viewer's zone, and buttons that copy.

   An element with data-live and data-cursor is loaded again, by its hx-get, when the hub's
   /changes says that something is new. Nothing is asked while the tab is hidden. An element with
   data-live-unless waits while it contains something of that selector, such as a ticked box. */

(() => {
  "use strict";

  const EVERY_MS = 3000;
  const LONGEST_MS = 60000;
  let wait = EVERY_MS;
  let timer = 0;

  const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

  function showTimes(root) {
    for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
      time.title = time.textContent;
      time.textContent = zone.format(new Date(time.dateTime));
    }
  }

  async function look() {
    const live = document.querySelectorAll("[data-live]");
    if (!live.length || document.hidden) return;
    const page = document.querySelector("[data-changes]");
    const isHeld = [...live].some((part) =>
      part.dataset.liveUnless && part.querySelector(part.dataset.liveUnless));
    if (isHeld) { timer = setTimeout(look, EVERY_MS); return; }
    try {
      const of = page.dataset.of ? `&of=${page.dataset.of}` : "";
      const url = `${page.dataset.changes}?after=${page.dataset.cursor}${of}`;
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (answer.status === 401) return location.reload();
      if (answer.status === 200) {
        page.dataset.cursor = (await answer.json()).cursor;
        live.forEach((part) => htmx.trigger(part, "changed"));
      }
      wait = answer.ok || answer.status === 304 ? EVERY_MS : Math.min(wait * 2, LONGEST_MS);
    } catch {
      wait = Math.min(wait * 2, LONGEST_MS);
    }
    timer = setTimeout(look, wait);
  }

  function showEnd(root) {
    const part = root.querySelector("[data-title]");
    if (part) document.title = part.dataset.title;
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) look();
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  });

  // A new version changes what differs: what has the focus, is open or is chosen stays so.
  htmx.registerExtension("keep-open", {
    htmx_before_morph_node(oldNode, { newNode }) {
      if (oldNode.matches?.("details")) newNode.open = oldNode.open;
      if (oldNode.matches?.("select")) newNode.value = oldNode.value;
    },
  });

  new MutationObserver(() => {
    showTimes(document);
    showEnd(document);
  }).observe(document.body, { childList: true, characterData: true, subtree: true });

  showTimes(document);
  timer = setTimeout(look, EVERY_MS);
})();
