// The tab of synthetic images: a plan with its cost, then, where the user agrees, the run.
import { keepFields } from "./fields.js";
import { ask, at, element, onClick, say, working } from "./page.js";

const showWorking = working("synthetic", say("synthetic.working"));
const showFields = keepFields("synthetic");
let shown = "";

function cells(values, name = "td") {
  return element("tr", {}, ...values.map((value) => element(name, { textContent: value })));
}

function showPlan(state) {
  const plan = state.plan;
  at("plan-data").textContent = say("synthetic.images", { ...plan, data: state.data });
  at("plan-cost").textContent = say("synthetic.cost", { epsilon: plan.epsilon.toFixed(3), delta: Number(plan.delta.toPrecision(2)) });
  at("plan-time").textContent = say("synthetic.time", { minutes: Number(Math.max(0.1, plan.seconds / 60).toFixed(1)) });
  const account = plan.account;
  at("plan-account").textContent = account
    ? say(account.budget === null ? "synthetic.before" : "synthetic.before.budget",
      { reserved: account.reserved.toFixed(3), budget: account.budget, runs: account.runs.join(", ") })
    : say("synthetic.first");
  at("plan-phases").replaceChildren(...plan.phases.map((phase) =>
    cells([phase.name, String(phase.steps), phase.batch.toFixed(0), phase.epsilon.toFixed(3)])));
  at("plan-text").textContent = plan.text;
}

function showSpent(state) {
  at("spent-place").hidden = !state.spent;
  if (!state.spent) return;
  const { spent, epsilon, delta } = state.spent;
  Object.assign(at("spent"), { max: epsilon, value: Math.min(spent, epsilon) });
  at("spent-label").textContent = say("synthetic.spent", { spent: spent.toFixed(3), epsilon, delta });
}

function showPicture(id, name, alt) {
  at(id).hidden = !name;
  if (name) Object.assign(at(id), { src: `/synthetic/view/${name}`, alt: say(alt) });
}

export function showSynthetic(state) {
  if (state.progress) showWorking(state);
  showFields(state.entered);
  const now = JSON.stringify({ ...state, progress: null });
  if (now === shown) return;
  shown = now;
  at("runs").hidden = !state.runs.length;
  at("run-list").replaceChildren(...state.runs.map((name) => {
    const button = element("button", { type: "button", textContent: name });
    button.addEventListener("click", () => ask("synthetic/open", { name }));
    return element("li", {}, button);
  }));
  if (state.plan && state.step === "plan") showPlan(state);
  showSpent(state);
  at("samples-place").hidden = !state.samples;
  showPicture("samples", state.samples?.picture, "synthetic.samples.alt");
  at("run-out").textContent = state.out ? say("synthetic.out", state) : "";
  at("run-stopped").textContent = say(state.data ? "synthetic.stopped" : "synthetic.stopped.no-data");
  at("run-resume").hidden = !state.data;
  if (state.report) at("report-text").textContent = state.report.text;
  showPicture("report-picture", state.report?.picture, "synthetic.report.alt");
  at("drawn").textContent = state.drawn ? say("synthetic.drawn", state.drawn) : "";
  at("synthetic-zip").hidden = !state.drawn;
}

export function wireSynthetic() {
  at("plan-head").replaceChildren(cells(["phase", "steps", "batch", "epsilon"].map((name) => say(`synthetic.column.${name}`)), "th"));
  for (const head of at("plan-head").querySelectorAll("th")) head.scope = "col";
  at("plan-form").addEventListener("submit", (event) => {
    event.preventDefault();
    ask("synthetic/plan", { data: at("data").value, epsilon: at("epsilon").valueAsNumber, minutes: at("minutes").valueAsNumber });
  });
  at("draw-form").addEventListener("submit", (event) => {
    event.preventDefault();
    ask("synthetic/draw", { count: at("count").valueAsNumber });
  });
  onClick("agree", "synthetic/train");
  onClick("run-resume", "synthetic/resume");
  onClick("run-reveal", "synthetic/reveal");
  for (const button of document.querySelectorAll("#synthetic .start-over")) {
    button.addEventListener("click", () => ask("synthetic/again"));
  }
}
