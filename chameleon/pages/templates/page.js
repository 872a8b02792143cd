"use strict";
document.documentElement.classList.add("js");
for (const box of document.querySelectorAll(".compare")) {
  const cut = box.querySelector(".cut");
  for (const frame of box.querySelectorAll("figure")) {
    const stack = frame.firstElementChild;
    let middle = [0.5, 0.5];
    const zoomed = () => frame.scrollWidth > frame.clientWidth + 1 || frame.scrollHeight > frame.clientHeight + 1;
    // The cut is where the slider stands in what is seen of the picture, also where it is zoomed and scrolled.
    const draw = () => {
      const seen = Math.min(frame.clientWidth, stack.offsetWidth);
      stack.style.setProperty("--cut", `${frame.scrollLeft + seen * cut.value / 100}px`);
    };
    cut.addEventListener("input", draw);
    new ResizeObserver(draw).observe(stack);
    frame.addEventListener("scroll", () => {
      if (zoomed()) {
        middle = [
          (frame.scrollLeft + frame.clientWidth / 2) / stack.offsetWidth,
          (frame.scrollTop + frame.clientHeight / 2) / stack.offsetHeight,
        ];
      }
      draw();
    });
    const keepMiddle = () => frame.scrollTo(
      middle[0] * stack.offsetWidth - frame.clientWidth / 2,
      middle[1] * stack.offsetHeight - frame.clientHeight / 2,
    );
    box.addEventListener("change", keepMiddle);
    keepMiddle(); // a browser that goes back to the page keeps its zoom
    // A finger or mouse on the picture moves the cut; on a zoomed one it moves the picture.
    const pull = (event) => {
      if (!zoomed()) {
        const edges = stack.getBoundingClientRect();
        cut.value = 100 * (event.clientX - edges.left) / edges.width;
        cut.dispatchEvent(new Event("input"));
      } else if (event.type === "pointermove" && event.pointerType === "mouse") {
        frame.scrollBy(-event.movementX, -event.movementY);
      }
    };
    stack.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse") event.preventDefault();
      pull(event);
    });
    stack.addEventListener("pointermove", (event) => event.buttons && pull(event));
  }
}
