// What is entered in a tab's forms. The session keeps it, so that a reload and other windows show it.
import { at, note } from "./page.js";

const PAUSE = 400; // milliseconds without a key, after which what was typed is told

function show(field, value) {
  if (field.type === "radio") field.checked = field.value === value;
  else if (field.value !== value) field.value = value;
  const folded = field.closest("details");
  if (folded && value) folded.open = true;
}

export function keepFields(tab) {
  const fields = [...at(tab).querySelectorAll("[data-keep]")];
  const typed = new Map(); // fields that the session does not know yet, and when it will be told
  let telling = 0;
  let shown = {};
  const tell = async (field) => {
    clearTimeout(typed.get(field));
    typed.delete(field);
    telling += 1;
    await note(`${tab}/enter`, { values: { [field.dataset.keep]: field.value } });
    telling -= 1;
  };
  for (const field of fields) {
    field.addEventListener("change", () => tell(field));
    field.addEventListener("input", () => {
      clearTimeout(typed.get(field));
      typed.set(field, setTimeout(() => tell(field), PAUSE));
    });
  }
  return (entered) => {
    if (telling) return;
    for (const field of fields) {
      const value = entered[field.dataset.keep];
      if (value !== shown[field.dataset.keep] && !typed.has(field)) show(field, value);
    }
    shown = entered;
  };
}
