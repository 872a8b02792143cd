// The tab that protects photos.
import { showChoose, wireChoose } from "./choose.js";
import { keepFields } from "./fields.js";
import { addCards, bars } from "./gallery.js";
import { at, element, onClick, say, working, write } from "./page.js";
import { showPeople, wirePeople } from "./people.js";

const showWorking = working("photos", say("working.note"));
const showFields = keepFields("photos");
let photos = [];
let run = -1; // whose photos they are

function showResult(state) {
  const restored = state.kind === "restore";
  at("done-title").textContent = say(restored ? "done.title.restore" : "done.title", state.result);
  at("out").textContent = say(restored ? "done.out.restore" : "done.out", state);
  const written = restored ? state.result.restored : state.result.protected;
  at("zip").hidden = at("reveal").hidden = !written;
  at("protected").hidden = restored;
  if (restored) return;
  at("recognisers").replaceChildren(...bars(photos));
  at("measured").textContent = state.result.measured_by;
  at("key-path").textContent = state.key;
  at("restore").hidden = !written;
  at("few").hidden = state.result.learnt_on >= 12;
  at("few").textContent = say("done.few", { photos: state.result.learnt_on });
}

export const photosShown = () => ({ run, sent: photos.length });

export function addPhotos(message) {
  if (message.run !== run) {
    run = message.run;
    photos = [];
    at("gallery").replaceChildren();
  }
  const fresh = message.photos.slice(photos.length - message.from); // some come twice after a pause
  photos.push(...fresh);
  addCards(at("gallery"), fresh, message.tabs.photos.kind);
  at("gallery-section").hidden = !photos.length;
  at("gallery-note").textContent = say(`photos.note.${message.tabs.photos.kind || "protect"}`);
}

let shown = "";

export function showPhotos(state) {
  showFields(state.entered);
  if (state.step === "choose") showChoose(state);
  if (state.step === "people") showPeople(state);
  if (state.progress) showWorking(state);
  write(at("stopped-text"), say(state.kind === "restore" ? "stopped.text.restore" : "stopped.text"));
  const result = JSON.stringify([state.run, state.result, photos.length]);
  if (state.step === "done" && shown !== result) showResult(state);
  shown = result;
}

export function wirePhotos() {
  wireChoose();
  wirePeople();
  onClick("resume", "photos/resume");
  onClick("reveal", "photos/reveal");
  onClick("reveal-key", "photos/reveal", { what: "key" });
  onClick("restore", "photos/restore");
  onClick("same-key", "photos/again", { same_key: true });
  at("key-words").replaceChildren(...["what", "where", "why", "keep"].flatMap((part) => [
    element("dt", { textContent: say(`key.${part}`) }),
    part === "where" ? element("dd", { id: "key-path", className: "path" }) : element("dd", { textContent: say(`key.${part}.text`) }),
  ]));
}
