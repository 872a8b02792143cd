// The second and third steps: who the user is, how visible the mask may be, and how it looks on one of their photos.
import { compare } from "./compare.js";
import { ask, at, element, say } from "./page.js";

let state = null;
let shownRun = null;
let shown = null; // the preview's pictures

const chosen = () => [...document.querySelectorAll("#faces input:checked")].map((box) => Number(box.value));
const strength = () => document.querySelector("#strengths input:checked").value;
const known = () => chosen().some((number) => state.people.people[number].key);

function face(person, number) {
  const label = say("people.face", { number: number + 1 });
  const box = element("input", { type: "checkbox", value: number });
  const count = say("people.photos", { photos: person.photos, total: state.people.total });
  const words = element("span", {}, element("b", { textContent: label }), element("br"), count);
  if (person.key) words.append(element("br"), say("people.known"));
  const untouched = element("span", { className: "note untouched", textContent: say("people.untouched") });
  return element("label", { className: "face" }, box, element("img", { src: `/photos/view/person-${number}.jpg`, alt: label }), words, untouched);
}

function showFaces() {
  const found = state.people;
  at("faces").replaceChildren(...found.people.map(face));
  const lines = [found.people.length > 1 ? say("people.others") : ""];
  if (found.more) lines.push(say("people.more", found));
  if (found.without) lines.push(say("people.without", found));
  lines.push(state.text);
  at("others").textContent = lines.filter(Boolean).join(" ");
  at("unread").hidden = !found.failures.length;
  at("unread").querySelector("summary").textContent = say("people.unread", { count: found.failures.length });
  at("unread").querySelector("ul").replaceChildren(
    ...found.failures.map(({ photo, why }) => element("li", { textContent: `${photo}: ${why}` })));
  at("where").textContent = say("people.where", state);
  followed = "";
}

// The session keeps what is chosen, in the order in which it was chosen, and other windows follow.
let told = Promise.resolve();
let telling = 0;
let followed = ""; // the session's choice that is shown

function tell(what) {
  telling += 1;
  told = told.then(async () => {
    const taken = await ask(what, { chosen: chosen(), strength: strength() });
    telling -= 1;
    if (!taken) followed = "";
  });
}

function follow() {
  const now = JSON.stringify([state.picked, state.strength]);
  if (telling || now === followed) return;
  followed = now;
  for (const box of at("faces").querySelectorAll("input")) box.checked = state.picked.includes(Number(box.value));
  document.querySelector(`#strengths input[value=${state.strength}]`).checked = true;
}

function askPreview() {
  showPreview();
  const now = chosen();
  if (now.length && known() && JSON.stringify(now) !== JSON.stringify(state.previewed)) {
    ask("photos/preview", { chosen: now, strength: strength() });
  }
}

function showPreview() {
  const fits = JSON.stringify(chosen()) === JSON.stringify(state.previewed);
  const preview = known() && fits ? state.previews[strength()] : null;
  const text = !known() ? "preview.no-key" : !preview ? "preview.coming" : preview.why ? "preview.cannot" : "preview.note";
  at("preview-text").hidden = text === "preview.coming" && Boolean(state.error); // it has failed
  const told = say(text, preview ?? {});
  if (at("preview-text").textContent !== told) at("preview-text").textContent = told;
  at("preview-picture").hidden = !preview?.view;
  if (!preview?.view) return;
  if (shown?.photo !== preview.photo) {
    const names = { slider: say("photo.slider", preview), before: say("photo.protect.before", preview), after: say("photo.protect.after", preview) };
    shown = { photo: preview.photo, ...compare(names) };
    at("preview-picture").replaceChildren(shown.view, shown.slider, shown.zoom);
  }
  shown.show(`/photos/view/${preview.view}-before.jpg`, `/photos/view/${preview.view}-after.jpg`, preview.at);
}

export function showPeople(now) {
  state = now;
  if (shownRun !== now.run) {
    shownRun = now.run;
    showFaces();
    follow();
    askPreview();
  }
  follow();
  showPreview();
}

export function wirePeople() {
  at("strengths").replaceChildren(...["low", "mid", "high"].map((name) => {
    const radio = element("input", { type: "radio", name: "strength", value: name, checked: name === "mid" });
    const words = element("span", {}, element("b", { textContent: say(`strength.${name}`) }), element("br"), say(`strength.${name}.text`));
    return element("label", { className: "strength" }, radio, words);
  }));
  at("people-form").addEventListener("change", () => tell("photos/pick"));
  at("faces").addEventListener("change", askPreview);
  at("strengths").addEventListener("change", showPreview);
  at("people-form").addEventListener("submit", (event) => {
    event.preventDefault();
    tell("photos/protect");
  });
}
