// What all tabs use. Text goes into the page as text only: file names are other people's words.

export const texts = await (await fetch("/static/texts.json")).json();
export const at = (id) => document.getElementById(id);

// Texts have {names} of values, and choices by number as in ICU's MessageFormat: {n, plural, one {photo} other {photos}}.
const rules = new Intl.PluralRules(document.documentElement.lang);
const choices = /\{(\w+), plural,((?:\s*\w+ \{(?:[^{}]|\{\w+\})*\})+)\s*\}/g;

export function say(key, values = {}) {
  const chosen = (texts[key] ?? key).replace(choices, (_, name, cases) => {
    const words = Object.fromEntries([...cases.matchAll(/(\w+) \{((?:[^{}]|\{\w+\})*)\}/g)].map((found) => found.slice(1)));
    return words[rules.select(Number(values[name]))] ?? words.other;
  });
  return chosen.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export const size = (bytes) => bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
export const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;

export function element(name, values = {}, ...children) {
  const made = Object.assign(document.createElement(name), values);
  made.append(...children);
  return made;
}

// Text again only where it is another: a screen reader would read it again.
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function problem(text) {
  write(at("problem"), text);
  at("problem").hidden = !text;
}

export async function explain(answer) {
  const told = await answer.json().catch(() => ({ error: "lost" }));
  return say(`error.${told.error}`, { ...told, most: told.most > 1e6 ? size(told.most) : told.most });
}

let last = { key: "", at: 0 };

// After an answer that the user sees, the same may be asked again.
export function answered() {
  last.key = "";
}

export async function ask(what, body = {}) {
  const now = { key: JSON.stringify([what, body]), at: performance.now() };
  if (now.key === last.key && now.at - last.at < 700) return false; // a double click asks once
  last = now;
  problem("");
  try {
    const answer = await fetch(`/${what}`, { method: "POST", body: JSON.stringify(body) });
    if (!answer.ok) {
      answered();
      problem(await explain(answer));
    }
    return answer.ok;
  } catch {
    answered();
    problem(say("error.lost"));
    return false;
  }
}

// Tells the session something that needs no answer.
export async function note(what, body) {
  await fetch(`/${what}`, { method: "POST", body: JSON.stringify(body) }).catch(() => {});
}

export function onClick(id, what, body = {}) {
  at(id).addEventListener("click", () => ask(what, body));
}

function time(seconds) {
  if (seconds < 90) return say("time.seconds", { n: Math.max(1, Math.round(seconds)) });
  if (seconds < 5400) return say("time.minutes", { n: Math.round(seconds / 60) });
  return say("time.hours", { n: Number((seconds / 3600).toFixed(1)) });
}

// Of a video the library says its name and the step: "clip.mp4: writing".
function ofVideo(what) {
  const colon = what.lastIndexOf(": ");
  const key = `what.video.${what.slice(colon + 2)}`;
  return colon > 0 && key in texts ? { key, video: what.slice(0, colon) } : null;
}

function doing(progress) {
  const video = ofVideo(progress.what);
  if (video) return say(video.key, { ...progress, ...video });
  const key = `what.${progress.what}`;
  return say(key in texts ? key : "what.other", progress);
}

// How far the work of a tab is. The place is the section with this class.
export function working(tab, note) {
  const place = document.querySelector(`#${tab} .working`);
  const bar = element("progress", { id: `${tab}-bar` });
  const what = element("label", { htmlFor: bar.id });
  const [title, left, told] = [element("h2", { tabIndex: -1 }), element("p", { className: "note" }), element("p", { className: "note" })];
  const stop = element("button", { type: "button", className: "stop", textContent: say("working.stop") });
  stop.addEventListener("click", () => ask(`${tab}/stop`));
  const notes = element("p", { className: "note", textContent: note });
  place.replaceChildren(title, element("p", {}, what, " ", bar), left, told, notes, element("p", { className: "buttons" }, stop));
  return (state) => {
    const progress = state.progress ?? { what: "starting", done: 0, total: 0, part: null, left: null };
    write(title, say(`working.${state.step}`));
    write(what, doing(progress));
    if (progress.total) Object.assign(bar, { max: progress.total, value: progress.done });
    else bar.removeAttribute("value");
    if (progress.left === null) write(left, progress.total ? say("working.unknown") : "");
    else write(left, say(ofVideo(progress.what) ? "working.left.step" : "working.left", { time: time(progress.left) }));
    write(told, progress.part ? say(`working.part.${progress.part[0]}`, { done: progress.part[1], total: progress.part[2] }) : state.text);
    stop.disabled = progress.what === "stopping";
  };
}
