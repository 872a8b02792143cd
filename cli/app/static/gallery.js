// The photos, each before and after, and who still recognises the user on them.
import { compare } from "./compare.js";
import { element, say } from "./page.js";

const GROUP = 24; // full rows of one, two, three or four columns: wider the page never is

function pictures(item, photo, kind) {
  const names = { slider: say("photo.slider", photo) };
  for (const which of ["before", "after"]) names[which] = say(`photo.${kind}.${which}`, photo);
  const made = compare(names, { lazy: true });
  // A thousand large pictures would be too much to scroll.
  const named = (size) => ["before", "after"].map((side) => `/photos/view/${photo.view}-${side}${size}.jpg`);
  const show = (large) => made.show(...named(large ? "" : "-small"), photo.at, large ? [] : named("-medium"));
  show(false);
  const button = element("button", { type: "button", textContent: say("photo.larger") });
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    const large = item.classList.toggle("large");
    show(large);
    button.textContent = say(large ? "photo.smaller" : "photo.larger");
    button.setAttribute("aria-expanded", String(large));
    if (!large) { // small pictures are whole
      made.zoom.querySelector("input").value = 1;
      made.zoom.querySelector("input").dispatchEvent(new Event("input"));
    }
  });
  return { shown: [made.view, made.slider, made.zoom], button };
}

function card(photo, kind) {
  const item = element("div", { className: photo.view ? "card" : "card without" });
  item.setAttribute("role", "listitem");
  const made = photo.view ? pictures(item, photo, kind) : null;
  if (made) item.append(...made.shown);
  item.append(element("p", { className: "name", textContent: photo.photo }));
  const status = say(`status.${photo.status}`);
  item.append(element("p", { textContent: photo.reason ? `${status} (${photo.reason})` : status }));
  if (photo.unshown) item.append(element("p", { className: "note", textContent: say("photo.unshown") }));
  if (photo.moment) item.append(element("p", { className: "note", textContent: say("photo.moment", photo) }));
  if (photo.recognisers.length) {
    const linked = photo.linked_by.length;
    const text = linked
      ? say("photo.linked", { names: photo.linked_by.join(", ") })
      : say("photo.free", { count: photo.recognisers.length });
    item.append(element("p", { className: linked ? "linked" : "free", textContent: text }));
  }
  for (const note of photo.notes) item.append(element("p", { className: "note", textContent: note }));
  if (made) item.append(made.button);
  return item;
}

// Photos join in groups: what is out of sight costs nothing, and a photo that comes into sight lays out its group only.
export function addCards(gallery, photos, kind) {
  for (const photo of photos) {
    let group = gallery.lastElementChild;
    if (!group || group.childElementCount === GROUP) {
      group = element("div", { className: "group" });
      group.setAttribute("role", "none");
      gallery.append(group);
    }
    group.append(card(photo, kind));
  }
}

export function bars(photos) {
  const totals = new Map();
  for (const photo of photos) {
    for (const name of photo.recognisers) {
      const total = totals.get(name) ?? { name, linked: 0, total: 0 };
      total.total += 1;
      total.linked += photo.linked_by.includes(name) ? 1 : 0;
      totals.set(name, total);
    }
  }
  if (!totals.size) return [element("p", { textContent: say("done.linked.none") })];
  return [...totals.values()].map((total, number) => {
    const id = `recogniser-${number}`;
    const label = element("label", { htmlFor: id, textContent: say("done.linked.bar", total) });
    const bar = element("meter", {
      id, min: 0, max: total.total, low: total.total / 4, high: total.total / 2, optimum: 0, value: total.linked,
    });
    return element("p", { className: "bar" }, label, bar);
  });
}
