// The page shows what the server's session says. It keeps nothing, so that a reload or a second window loses nothing.
import { answered, ask, at, problem, say } from "./page.js";

for (const place of document.querySelectorAll("[data-text]")) place.textContent = say(place.dataset.text);
history.replaceState(null, "", `/${location.hash}`); // the token need not stay in the address

const { addPhotos, photosShown, showPhotos, wirePhotos } = await import("./photos.js");
const { showSynthetic, wireSynthetic } = await import("./synthetic.js");
const { showBlindSpots, wireBlindSpots } = await import("./blind_spots.js");
const show = { photos: showPhotos, synthetic: showSynthetic, blind_spots: showBlindSpots };
let tabs = null; // their states
let shownSteps = {};

function current() {
  const name = location.hash.slice(1);
  return name in show ? name : "photos";
}

function showTab() {
  for (const name of Object.keys(show)) {
    at(name).hidden = name !== current();
    const link = document.querySelector(`nav a[href="#${name}"]`);
    if (name === current()) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${say(`tab.${current()}`)} - Guise`;
}

function explainError(now) {
  problem(now.error === "gone" ? say("error.gone") : now.error);
}

function showStep(name, now, before) {
  for (const section of at(name).querySelectorAll("[data-step]")) {
    section.hidden = !section.dataset.step.split(" ").includes(now.step);
  }
  const moved = before && before.step !== now.step;
  if (name === current() && (moved || before?.error !== now.error || before?.begun !== now.begun)) explainError(now);
  // Screen readers read on from there.
  if (moved && name === current()) at(name).querySelector(`[data-step~="${now.step}"] h2`)?.focus();
}

function take(message) {
  const before = tabs;
  tabs = message.tabs;
  tabs.photos.run = message.run;
  addPhotos(message);
  for (const name of Object.keys(show)) {
    show[name](tabs[name]);
    const { step, error, begun } = tabs[name]; // a job may fail as the one before, and so fast that no step is seen
    const key = JSON.stringify([step, error, begun]);
    if (shownSteps[name] === key) continue;
    shownSteps[name] = key;
    showStep(name, tabs[name], before?.[name]);
    answered();
  }
}

wirePhotos();
wireSynthetic();
wireBlindSpots();
for (const button of document.querySelectorAll("#photos .again")) button.addEventListener("click", () => ask("photos/again"));
window.addEventListener("hashchange", () => {
  showTab();
  explainError(tabs?.[current()] ?? { error: "" });
});
showTab();

// A window that nobody sees does not listen: a browser keeps few connections to a server, for all windows together.
let events = null;

function listen() {
  events?.close();
  events = null;
  if (document.hidden) return;
  const { run, sent } = photosShown();
  events = new EventSource(`/events?run=${run}&sent=${sent}`);
  events.addEventListener("message", (event) => take(JSON.parse(event.data)));
  events.addEventListener("error", () => problem(say("error.lost")));
  events.addEventListener("open", () => explainError(tabs?.[current()] ?? { error: "" }));
}

document.addEventListener("visibilitychange", listen);
listen();
