// Files that are dropped on the page or chosen in a dialog, and how they are sent.
import { at, element, explain, problem, say } from "./page.js";

export const named = (list) => [...list].map((file) => ({ file, name: file.webkitRelativePath || file.name }));

// Of dropped folders all files in them, with their paths.
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  if (!entries.length) return named(transfer.files);
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

export function forgetRefused(refused) {
  problem("");
  at(refused).replaceChildren();
  at(refused).hidden = true;
}

// Sends files one after another; what is refused is said in the list.
export async function send(tab, files, refused) {
  for (const [number, { file, name }] of files.entries()) {
    try {
      const answer = await fetch(`/${tab}/files?name=${encodeURIComponent(name)}`, { method: "PUT", body: file });
      if (answer.ok) continue;
      if (answer.status === 409) { // another window has begun the work, or has removed the photos
        problem(say("error.too-late", { count: files.length - number }));
        break;
      }
      at(refused).append(element("li", { textContent: await explain(answer) }));
      if (answer.status === 507 || at(refused).childElementCount >= 20) break;
    } catch {
      problem(say("error.lost"));
      break;
    }
  }
  at(refused).hidden = !at(refused).childElementCount;
}

// A file that misses the place is not taken, and does not take the browser away from the page.
for (const name of ["dragover", "drop"]) {
  window.addEventListener(name, (event) => {
    if (event.defaultPrevented || !event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "none";
  });
}

export function onFiles(input, take) {
  at(input).addEventListener("change", async (event) => {
    await take(named(event.target.files));
    event.target.value = "";
  });
}

export function onDrop(place, take) {
  const area = at(place);
  area.addEventListener("dragover", (event) => {
    event.preventDefault();
    area.classList.add("over");
  });
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", async (event) => {
    event.preventDefault();
    area.classList.remove("over");
    await take(await dropped(event.dataTransfer));
  });
}
