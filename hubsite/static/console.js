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
  let isLooking = false;

  // In the language of the page; of two kinds of it, such as en-GB, in that of the browser.
  const page = document.documentElement.lang;
  const language = navigator.languages.find((it) => it.split("-")[0] === page) ?? page;
  const zone = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const days = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" });

  function showTimes(root) {
    for (const time of root.querySelectorAll("time[datetime]:not([title], [data-shown])")) {
      const isDay = time.dateTime.length === 10; // the same in each zone
      if (isDay) time.dataset.shown = "";
      else time.title = time.textContent;
      time.textContent = (isDay ? days : zone).format(new Date(time.dateTime));
    }
  }

  // A hidden tab asks nothing, but for one that shall tell the end of a job: once in a minute.
  const tellsEnd = () =>
    document.querySelector("[data-tells-end]") && !document.querySelector("[data-ended]");

  async function look() {
    clearTimeout(timer);
    if (isLooking) return; // one answer is on its way: what waits for it goes on
    const live = document.querySelectorAll("[data-live]");
    if (!live.length || (document.hidden && !tellsEnd())) return;
    const page = document.querySelector("[data-changes]");
    const isHeld = () => [...live].some((part) =>
      part.dataset.liveUnless && part.querySelector(part.dataset.liveUnless));
    if (isHeld()) { timer = setTimeout(look, EVERY_MS); return; }
    isLooking = true;
    try {
      const of = page.dataset.of ? `&of=${page.dataset.of}` : "";
      const url = `${page.dataset.changes}?after=${page.dataset.cursor}${of}`;
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (answer.status === 401) return location.reload();
      if (answer.status === 200 && !isHeld()) { // a box may have been ticked meanwhile
        page.dataset.cursor = (await answer.json()).cursor;
        live.forEach((part) => htmx.trigger(part, "changed"));
      }
      wait = answer.ok || answer.status === 304 ? EVERY_MS : Math.min(wait * 2, LONGEST_MS);
    } catch {
      wait = Math.min(wait * 2, LONGEST_MS);
    } finally {
      isLooking = false;
    }
    clearTimeout(timer);
    timer = setTimeout(look, document.hidden ? LONGEST_MS : wait);
  }

  function showEnd(root) {
    const part = root.querySelector("[data-title]");
    if (!part) return;
    if (document.title !== part.dataset.title) document.title = part.dataset.title;
    const icon = document.querySelector('link[rel="icon"]');
    if (part.dataset.icon && icon.getAttribute("href") !== part.dataset.icon) {
      icon.setAttribute("href", part.dataset.icon);
    }
  }

  // A log that shows its end goes on doing so, unless someone has scrolled up in it.
  let atEnd = true;

  function follow() {
    const log = document.querySelector("[data-follow]");
    if (log && atEnd) log.scrollTop = log.scrollHeight;
  }

  document.addEventListener("scroll", ({ target: log }) => {
    if (!log.matches?.("[data-follow]")) return;
    atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  }, true);

  // A link to a line that this part of the log does not show.
  function goToLine() {
    const line = /^#L(\d{1,9})$/.exec(location.hash);
    const log = document.querySelector("[data-log]");
    if (!line || !log) return;
    atEnd = false;
    const there = document.getElementById(`L${line[1]}`);
    if (there) there.scrollIntoView({ block: "center" });
    else if (!location.search.includes(`line=${line[1]}`)) {
      location.replace(`${log.dataset.log}?line=${line[1]}${location.hash}`);
    }
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) look();
    else if (tellsEnd()) timer = setTimeout(look, LONGEST_MS);
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    const label = button.textContent;
    button.textContent = document.body.dataset.copied ?? "✓";
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
    follow();
  }).observe(document.body, { childList: true, characterData: true, subtree: true });

  // What a button asks is taken back by Escape, or by a click elsewhere.
  function takeBack(asked) {
    for (const one of document.querySelectorAll("details.ask[open]")) {
      if (one !== asked) one.open = false;
    }
  }

  document.addEventListener("keydown", ({ key, target }) => {
    const asked = key === "Escape" && target.closest?.("details.ask[open]");
    if (!asked) return;
    asked.open = false;
    asked.querySelector("summary").focus();
  });
  document.addEventListener("click", ({ target }) => takeBack(target.closest("details.ask")));

  // A list that is long for a phone: closed there, open where it stands beside the text.
  for (const list of document.querySelectorAll("details[data-open-wide]")) {
    list.open = matchMedia("(min-width: 60rem)").matches;
  }

  addEventListener("hashchange", goToLine);
  showTimes(document);
  follow();
  goToLine();
  timer = setTimeout(look, EVERY_MS);
})();
