// The photos, each before and after. Text goes into the page as text only: file names are other people's words.

export function element(name, values = {}, ...children) {
  const made = Object.assign(document.createElement(name), values);
  made.append(...children);
  return made;
}

function compare(photo, say) {
  const side = (which) => element("img", {
    src: `/view/${photo.view}-${which}`, alt: say(`photo.${which}`, photo), loading: "lazy", className: which,
  });
  const stack = element("div", { className: "stack" }, side("after"), side("before"));
  const slider = element("input", { type: "range", min: 0, max: 100, value: 50 });
  slider.setAttribute("aria-label", say("photo.slider", photo));
  slider.addEventListener("input", () => stack.style.setProperty("--split", `${slider.value}%`));
  return [stack, slider];
}

function larger(item, say) {
  const button = element("button", { type: "button", textContent: say("photo.larger") });
  button.addEventListener("click", () => {
    button.textContent = say(item.classList.toggle("large") ? "photo.smaller" : "photo.larger");
  });
  return button;
}

export function card(photo, say) {
  const item = element("li", { className: photo.view ? "card" : "card without" });
  if (photo.view) item.append(...compare(photo, say));
  item.append(element("p", { className: "name", textContent: photo.photo }));
  const status = say(`status.${photo.status}`);
  item.append(element("p", { textContent: photo.reason ? `${status} (${photo.reason})` : status }));
  if (photo.recognisers.length) {
    const linked = photo.linked_by.length;
    const text = linked
      ? say("photo.linked", { names: photo.linked_by.join(", ") })
      : say("photo.free", { count: photo.recognisers.length });
    item.append(element("p", { className: linked ? "linked" : "free", textContent: text }));
  }
  for (const note of photo.notes) item.append(element("p", { className: "note", textContent: note }));
  if (photo.view) item.append(larger(item, say));
  return item;
}

export function bars(photos, say) {
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
