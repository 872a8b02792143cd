// The first step: which photos, and what is to be done with them.
import { forgetRefused, onDrop, onFiles, send } from "./drop.js";
import { ask, at, element, onClick, problem, say, size } from "./page.js";

let state = null;
let coming = null; // while photos are sent: how many there are
let shownRun = null;
let shownKeys = "";

const doing = () => document.querySelector("#doing input:checked").value;

function start(folder) {
  const from = folder === undefined ? {} : { folder };
  if (doing() === "look") ask("photos/look", from);
  else if (doing() === "restore") ask("photos/restore", { ...from, key: at("key-choice").value });
  else ask("photos/at_once", { ...from, key: at("key-choice").value, strength: at("strength-choice").value });
}

let sending = Promise.resolve();
let waiting = 0; // times that files were dropped and are not all sent yet

// Systems keep files of their own in folders, such as .DS_Store.
const hidden = ({ name }) => name.split("/").some((part) => part.startsWith("."));

async function take(dropped) {
  const files = dropped.filter((file) => !hidden(file));
  if (dropped.length && !files.length) problem(say("error.no-photos"));
  if (state?.step !== "choose" || !files.length) return;
  if (!waiting) forgetRefused("refused");
  coming = (coming ?? state.chosen.photos) + files.length;
  waiting += 1;
  showCount();
  sending = sending.then(() => send("photos", files, "refused"));
  await sending;
  waiting -= 1;
  if (!waiting) coming = null;
  showCount();
}

function showCount() {
  const { photos: count, bytes } = state.chosen;
  const values = { photos: count, total: coming, size: size(bytes) };
  at("chosen").textContent = coming === null ? (count ? say("choose.chosen", values) : "") : say("choose.coming", values);
  at("look").disabled = coming !== null || !count;
  at("clear").hidden = coming !== null || !count;
}

function showDoing() {
  at("look").textContent = say(`choose.go.${doing()}`);
  at("key-row").hidden = doing() === "look";
  at("strength-row").hidden = doing() !== "at_once";
  at("doing-note").textContent = say(`choose.note.${doing()}`);
}

function showKeys() {
  const keys = state.ready && !state.keys.some((key) => key.file === state.ready.key)
    ? [{ file: state.ready.key, name: state.ready.key, made: "" }, ...state.keys] : state.keys;
  if (JSON.stringify(keys) !== shownKeys) {
    shownKeys = JSON.stringify(keys);
    at("key-choice").replaceChildren(...keys.map((key) => element("option", { value: key.file, textContent: say("choose.key.of", key) })));
  }
  at("doing").hidden = !keys.length;
  document.querySelector(`#doing input[value=${state.ready ? "at_once" : "look"}]`).checked = true;
  if (state.ready) {
    at("key-choice").value = state.ready.key;
    at("strength-choice").value = state.ready.strength;
  }
  showDoing();
}

export function showChoose(now) {
  state = now;
  if (shownRun !== now.run) {
    shownRun = now.run;
    showKeys();
  }
  const begun = now.unfinished;
  at("unfinished").hidden = !begun;
  if (begun) {
    at("unfinished-text").textContent = say(begun.folder ? "unfinished.folder" : "unfinished.dropped", begun);
    at("go-on").hidden = !begun.folder;
  }
  showCount();
}

export function wireChoose() {
  for (const input of ["files", "tree"]) onFiles(input, take);
  onDrop("drop", take);
  at("look").addEventListener("click", () => start());
  at("folder-form").addEventListener("submit", (event) => {
    event.preventDefault();
    start(at("folder").value);
  });
  at("doing").addEventListener("change", showDoing);
  at("strength-choice").replaceChildren(...["low", "mid", "high"].map((strength) =>
    element("option", { value: strength, textContent: say(`strength.${strength}`), selected: strength === "mid" })));
  onClick("clear", "photos/again");
  onClick("go-on", "photos/go_on");
  onClick("forget", "photos/forget");
}
