"use strict";
{
  const {state, config} = document.currentScript.dataset;
  const wanted = new URL(config, location.href).href;
  const isServed = () =>
    performance.getEntriesByName(wanted).some((entry) => (entry.responseStatus ?? 200) === 200);
  const look = async () => {
    let isReady = false;
    try {
      const response = await fetch(state, {cache: "no-store", signal: AbortSignal.timeout(500)});
      isReady = response.status === 200 && (await response.json()).is_ready;
    } catch (error) {
      // It takes longer, or cannot be asked: the page that waits says so.
    }
    if (!isReady && !isServed()) {
      location.reload();
    }
  };
  setTimeout(() => isServed() || look(), 1000);
}
