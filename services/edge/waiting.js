"use strict";
const {state: path, opens, still} = document.currentScript.dataset;
const language = document.documentElement.lang;
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
    const message = answer.messages?.[language] ?? answer.message;
    if (message) {
      status.textContent = `${message} ${opens}`;
    } else if (seconds >= 8) {
      status.textContent = still.replace("{seconds}", seconds);
    }
    await pause(300);
  }
}
wait();
