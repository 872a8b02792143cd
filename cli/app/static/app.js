// The page shows what the server's session says. It keeps nothing, so that a reload or a second tab loses nothing.
import { bars, card, element } from "./gallery.js";

const texts = await (await fetch("/static/texts.json")).json();
const at = (id) => document.getElementById(id);
const say = (key, values = {}) =>
  (texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
const size = (bytes) => bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;

let state = { step: "", run: -1, limits: { photos: 0 } };
let photos = [];
let coming = null; // while photos are sent: how many there are
let shownPeople = null;

for (const place of document.querySelectorAll("[data-text]")) place.textContent = say(place.dataset.text);
history.replaceState(null, "", "/"); // the token need not stay in the address

// Asking ------------------------------------------------------------------------------------------------------------

function problem(text) {
  at("problem").textContent = text;
  at("problem").hidden = !text;
}

async function explain(answer) {
  const told = await answer.json().catch(() => ({ error: "lost" }));
  return say(`error.${told.error}`, { ...told, most: told.most > 1e6 ? size(told.most) : told.most });
}

async function ask(what, body = {}) {
  problem("");
  try {
    const answer = await fetch(`/${what}`, { method: "POST", body: JSON.stringify(body) });
    if (!answer.ok) problem(await explain(answer));
  } catch {
    problem(say("error.lost"));
  }
}

async function send(files) {
  if (state.step !== "choose" || coming !== null || !files.length) return;
  problem("");
  at("refused").replaceChildren();
  coming = state.chosen.photos + files.length;
  showChosen();
  for (const { file, name } of files) {
    try {
      const answer = await fetch(`/photos?name=${encodeURIComponent(name)}`, { method: "PUT", body: file });
      if (answer.ok) continue;
      at("refused").append(element("li", { textContent: await explain(answer) }));
      if (answer.status === 507 || at("refused").childElementCount >= 20) break;
    } catch {
      problem(say("error.lost"));
      break;
    }
  }
  at("refused").hidden = !at("refused").childElementCount;
  coming = null;
  showChosen();
}

const named = (list) => [...list].map((file) => ({ file, name: file.webkitRelativePath || file.name }));

async function dropped(entries) {
  const files = [];
  const walk = async (entry) => {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      files.push({ file, name: entry.fullPath.replace(/^\//, "") });
      return;
    }
    const reader = entry.createReader();
    for (;;) { // it gives a hundred at a time
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return;
      for (const inner of some) await walk(inner);
    }
  };
  for (const entry of entries) await walk(entry);
  return files;
}

for (const id of ["files", "tree"]) {
  at(id).addEventListener("change", async (event) => {
    await send(named(event.target.files));
    event.target.value = "";
  });
}
at("drop").addEventListener("dragover", (event) => {
  event.preventDefault();
  at("drop").classList.add("over");
});
at("drop").addEventListener("dragleave", () => at("drop").classList.remove("over"));
at("drop").addEventListener("drop", async (event) => {
  event.preventDefault();
  at("drop").classList.remove("over");
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  await send(entries.length ? await dropped(entries) : named(event.dataTransfer.files));
});
at("look").addEventListener("click", () => ask("look"));
at("clear").addEventListener("click", () => ask("again"));
at("folder-form").addEventListener("submit", (event) => {
  event.preventDefault();
  ask("look", { folder: at("folder").value });
});
at("people-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = [...document.querySelectorAll("#faces input:checked")].map((box) => Number(box.value));
  ask("protect", { chosen, strength: document.querySelector("#strengths input:checked").value });
});
at("stop").addEventListener("click", () => ask("stop"));
at("resume").addEventListener("click", () => ask("resume"));
at("reveal").addEventListener("click", () => ask("reveal"));
for (const button of document.querySelectorAll(".again")) button.addEventListener("click", () => ask("again"));

// Showing -----------------------------------------------------------------------------------------------------------

function showChosen() {
  const { photos: count, bytes } = state.chosen;
  const values = { photos: count, total: coming, size: size(bytes) };
  at("chosen").textContent = coming === null ? (count ? say("choose.chosen", values) : "") : say("choose.coming", values);
  at("look").disabled = coming !== null || !count;
  at("clear").hidden = coming !== null || !count;
}

function face(person, number) {
  const label = say("people.face", { number: number + 1 });
  const box = element("input", { type: "checkbox", value: number, checked: number === 0 || Boolean(person.key) });
  const count = say("people.photos", { photos: person.photos, total: state.people.total });
  const words = element("span", {}, element("b", { textContent: label }), element("br"), count);
  if (person.key) words.append(element("br"), say("people.known"));
  return element("label", { className: "face" }, box, element("img", { src: `/view/person-${number}`, alt: label }), words);
}

function showPeople() {
  const found = state.people;
  if (shownPeople === state.run) return;
  shownPeople = state.run;
  at("faces").replaceChildren(...found.people.map(face));
  const known = found.people.some((person) => person.key);
  if (known) for (const box of at("faces").querySelectorAll("input")) box.checked = Boolean(found.people[box.value].key);
  const lines = [found.people.length > 1 ? say("people.others") : ""];
  if (found.more) lines.push(say("people.more", found));
  if (found.without) lines.push(say("people.without", found));
  lines.push(state.text);
  at("others").textContent = lines.join(" ");
  at("unread").hidden = !found.failures.length;
  at("unread").querySelector("summary").textContent = say("people.unread", { count: found.failures.length });
  at("unread").querySelector("ul").replaceChildren(
    ...found.failures.map(({ photo, why }) => element("li", { textContent: `${photo}: ${why}` })));
  at("where").textContent = say("people.where", state);
}

function showStrengths() {
  at("strengths").replaceChildren(...["low", "mid", "high"].map((strength) => {
    const radio = element("input", { type: "radio", name: "strength", value: strength, checked: strength === "mid" });
    const words = element("span", {}, element("b", { textContent: say(`strength.${strength}`) }), element("br"),
      say(`strength.${strength}.text`));
    return element("label", { className: "strength" }, radio, words);
  }));
}

function time(seconds) {
  if (seconds < 90) return say("time.seconds", { n: Math.max(1, Math.round(seconds)) });
  if (seconds < 5400) return say("time.minutes", { n: Math.round(seconds / 60) });
  return say("time.hours", { n: (seconds / 3600).toFixed(1) });
}

function showProgress() {
  const progress = state.progress ?? { what: "starting", done: 0, total: 0, part: null, left: null };
  at("working-title").textContent = say(`working.${state.step}`);
  const key = `what.${progress.what}`;
  at("what").textContent = say(key in texts ? key : "what.other", progress);
  if (progress.total) {
    at("bar").max = progress.total;
    at("bar").value = progress.done;
  } else {
    at("bar").removeAttribute("value");
  }
  at("left").textContent = progress.left === null ? say("working.unknown") : say("working.left", { left: 0, time: time(progress.left) });
  at("told").textContent = progress.part
    ? say("working.part", { done: progress.part[0], total: progress.part[1] }) : state.text;
  at("stop").disabled = progress.what === "stopping";
}

function showResult() {
  at("done-title").textContent = say("done.title", state.result);
  at("out").textContent = say("done.out", state);
  at("recognisers").replaceChildren(...bars(photos, say));
  at("measured").textContent = state.result.measured_by;
  at("key").textContent = say("done.key.path", state);
  at("restore").textContent = say("done.restore", state);
  at("few").hidden = state.result.learnt_on >= 12;
  at("few").textContent = say("done.few", { photos: state.result.learnt_on });
  at("zip").hidden = at("reveal").hidden = !state.result.protected;
}

const sections = { choose: "choose", looking: "working", people: "people", protecting: "working", stopped: "stopped", done: "done" };

function show(message) {
  const before = state;
  state = message.state;
  if (message.from === 0) {
    photos = [];
    at("gallery").replaceChildren();
  }
  photos.push(...message.photos);
  at("gallery").append(...message.photos.map((photo) => card(photo, say)));
  at("photos").hidden = !photos.length;
  for (const section of new Set(Object.values(sections))) at(section).hidden = section !== sections[state.step];
  if (state.error !== before.error || state.run !== before.run) problem(state.error === "gone" ? say("error.gone") : state.error);
  if (state.step === "choose") showChosen();
  if (state.step === "people") showPeople();
  if (state.progress) showProgress();
  if (state.step === "done") showResult();
  if (before.step && before.step !== state.step) at(`${sections[state.step]}-title`).focus();
}

showStrengths();
const events = new EventSource("/events");
events.addEventListener("message", (event) => show(JSON.parse(event.data)));
events.addEventListener("error", () => problem(say("error.lost")));
events.addEventListener("open", () => problem(state.error === "gone" ? say("error.gone") : state.error ?? ""));
