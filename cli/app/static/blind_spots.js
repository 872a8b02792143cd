// The tab of blind spots: what a model provably ignores, and a photo with other content there.
import { compare } from "./compare.js";
import { forgetRefused, onFiles, send } from "./drop.js";
import { keepFields } from "./fields.js";
import { ask, at, element, percent, say, working, write } from "./page.js";

const showWorking = working("blind_spots", "");
const pictures = { before: say("blind.original"), after: say("blind.copy"), slider: say("blind.slider") };
const shownPhoto = compare(pictures);
const showFields = keepFields("blind_spots");
let shown = "";

function row(head, ...values) {
  return element("tr", {}, element("th", { scope: "row", textContent: head }), ...values.map((value) => element("td", { textContent: value })));
}

function headings(id, names) {
  at(id).replaceChildren(element("tr", {}, ...names.map((name) => element("th", { scope: "col", textContent: say(name) }))));
}

function showSpace(space) {
  const all = space.rows[space.rows.length - 1];
  const values = { model: space.model, shape: space.shape.join(" x "), ignored: all.ignored, n: all.n, share: percent(all.ignored / all.n) };
  at("space-summary").textContent = say(all.ignored ? "blind.summary" : "blind.summary.none", values);
  at("space-rows").replaceChildren(...space.rows.map((part) => row(
    part.name, part.operation, String(part.n),
    `${part.upper ? "≤ " : ""}${part.measured ? "" : "~ "}${part.ignored}`, percent(part.ignored / part.n))));
  at("fill-form").hidden = !all.ignored;
}

const small = (value) => value === null ? "-" : value.toExponential(0);

function showFilled(filled) {
  const known = filled.certificate;
  shownPhoto.show(`/blind_spots/view/${filled.original}`, `/blind_spots/view/${filled.copy}`);
  at("fitted").textContent = filled.fitted ? say("blind.fitted", { width: filled.fitted[0], height: filled.fitted[1] }) : "";
  at("certificate-rows").replaceChildren(...Object.entries(known.changes).map(([name, change]) => row(
    name, small(change.layer), small(change.output), change.top1 === null ? "-" : say(change.top1 ? "blind.same" : "blind.changed"))));
  at("certificate-text").textContent = [
    say("blind.ssim", { ssim: known.to_original.ssim.toFixed(3) }),
    known.read === null ? "" : say("blind.read", { share: percent(known.read) }),
    known.kept === null ? "" : say("blind.kept", { share: percent(known.kept) }),
  ].filter(Boolean).join(" ");
}

function showAttacks(attacks) {
  at("attacks").replaceChildren(...attacks.map((attack) => {
    const words = say(attack.needs_weights ? "blind.attack.weights" : "blind.attack", { ssim: attack.ssim.toFixed(3) });
    const key = `attack.${attack.attack}`;
    const name = say(key) === key ? attack.attack : say(key);
    return element("li", {}, element("img", { src: `/blind_spots/view/${attack.picture}`, alt: say("blind.recovered", { name }) }),
      element("b", { textContent: name }), element("span", { className: "note", textContent: words }));
  }));
}

export function showBlindSpots(state) {
  if (state.progress) showWorking(state);
  showFields(state.entered);
  const now = JSON.stringify({ ...state, progress: null });
  if (now === shown) return;
  shown = now;
  write(at("blind-chosen"), state.photo);
  if (state.space) showSpace(state.space);
  at("filled").hidden = !state.filled;
  if (state.filled) showFilled(state.filled);
  at("attacks-place").hidden = !state.attacks.length;
  showAttacks(state.attacks);
}

export function wireBlindSpots() {
  headings("space-head", ["blind.column.name", "blind.column.operation", "blind.column.n", "blind.column.ignored", "blind.column.share"]);
  headings("certificate-head", ["blind.column.precision", "blind.column.layer", "blind.column.output", "blind.column.top1"]);
  at("filled-picture").replaceChildren(shownPhoto.view, shownPhoto.slider, shownPhoto.zoom);
  at("inspect-form").addEventListener("submit", (event) => {
    event.preventDefault();
    ask("blind_spots/inspect", { model: at("model").value, shape: at("shape").value, weights: at("weights").value });
  });
  onFiles("blind-photo", (files) => {
    forgetRefused("blind-refused");
    return send("blind_spots", files.slice(0, 1), "blind-refused");
  });
  at("fill-form").addEventListener("submit", (event) => {
    event.preventDefault();
    ask("blind_spots/fill", { target: document.querySelector("#targets input:checked").value });
  });
  for (const button of document.querySelectorAll("#blind_spots .start-over")) {
    button.addEventListener("click", () => ask("blind_spots/again"));
  }
}
