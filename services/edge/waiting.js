"use strict";
const path = document.currentScript.dataset.state;
const since = Date.now();
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
async function wait() {
  for (;;) {
    let answer = {};
    try {
      const response = await fetch(path, {cache: "no-store"});
      answer = response.status === 200 ? await response.json() : {is_over: response.status < 500};
    } catch (error) {
      await pause(1000);
    }
    if (answer.is_ready || answer.is_over) {
      location.reload();
      return;
    }
    const seconds = Math.round((Date.now() - since) / 1000);
    const status = document.getElementById("status");
    if (answer.message) {
      status.textContent = `${answer.message} The page opens by itself.`;
    } else if (seconds >= 8) {
      status.textContent =
        `It is still starting, since ${seconds} seconds. The page opens by itself as soon as the service answers.`;
    }
    await pause(300);
  }
}
wait();
