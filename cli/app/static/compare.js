// Two pictures of one size, one over the other, with a slider between them and a zoom.
import { element, say } from "./page.js";

export function compare(names, { lazy = false } = {}) {
  const side = (which) => element("img", { className: which, alt: names[which], decoding: "async", ...(lazy ? { loading: "lazy" } : {}) });
  const [before, after] = [side("before"), side("after")];
  const stack = element("div", { className: "stack" }, after, before);
  const view = element("div", { className: "view" }, stack);
  const slider = element("input", { type: "range", min: 0, max: 100, value: 50 });
  slider.setAttribute("aria-label", names.slider);
  slider.addEventListener("input", () => stack.style.setProperty("--split", `${slider.value}%`));
  const zoom = element("input", { type: "range", min: 1, max: 8, step: 0.5, value: 1 });
  const zoomed = element("label", { className: "zoom" }, `${say("photo.zoom")} `, zoom);
  let centre = [0.5, 0.5]; // what is looked at, in shares of the picture
  view.addEventListener("scroll", () => {
    if (view.scrollWidth <= view.clientWidth + 1) return;
    centre = [(view.scrollLeft + view.clientWidth / 2) / view.scrollWidth, (view.scrollTop + view.clientHeight / 2) / view.scrollHeight];
  });
  const look = () => view.scrollTo(
    centre[0] * view.scrollWidth - view.clientWidth / 2, centre[1] * view.scrollHeight - view.clientHeight / 2);
  zoom.addEventListener("input", () => {
    const kept = centre;
    stack.style.setProperty("--zoom", zoom.value);
    view.classList.toggle("zoomed", zoom.value > 1);
    if (zoom.value > 1) { // then it scrolls, by arrow keys too
      view.tabIndex = 0;
      view.setAttribute("role", "group");
      view.setAttribute("aria-label", names.before);
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) view.removeAttribute(name);
    }
    centre = kept;
    look();
  });
  // Of each side its picture, and one for screens with more pixels.
  const show = (from, to, face, finer = []) => {
    if (before.getAttribute("src") === from && after.getAttribute("src") === to) return;
    for (const [image, src, fine] of [[before, from, finer[0]], [after, to, finer[1]]]) {
      Object.assign(image, { srcset: fine ? `${src} 1x, ${fine} 1.5x` : "", src });
    }
    if (face && zoom.value <= 1) centre = face;
    look();
  };
  return { view, slider, zoom: zoomed, show };
}
