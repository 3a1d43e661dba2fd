// What happens when a pointer, a key, a setting or the clock acts.

/** Move the window to an output position. */
function moveTo(row, column) {
  if (!outputView) return;
  state.at = [row, column].map((index, axis) => Math.min(Math.max(index, 0), axes[axis].output - 1));
  showPosition();
}

/** The output whose window lies around a cell of the padded input. */
function outputAround([row, column]) {
  return [row, column].map((cell, index) => Math.round((cell - (axes[index].extent - 1) / 2) / axes[index].stride));
}

function listenToPointers() {
  for (const kind of ["pointerdown", "pointermove"]) {
    document.addEventListener(kind, (event) => {
      if (timer !== null && kind === "pointermove") return; // a resting pointer does not disturb what plays
      if (kind === "pointermove" && event.pointerType === "touch") return; // a finger that moves scrolls
      const view = [outputView, ...inputViews].find((one) => one && one.surface.contains(event.target));
      const cell = view && view.locate(event);
      if (!cell) return;
      if (kind === "pointerdown") pause();
      moveTo(...(view === outputView ? cell : outputAround(cell)));
    });
  }
}

/** Pointing at a product lights up the pixel and the coefficient that it is of, and the reverse. */
function listenToTerms() {
  for (const [kind, isLit] of [["pointerover", true], ["pointerout", false]]) {
    byId("terms").addEventListener(kind, (event) => {
      const cell = event.target.closest("[data-place]");
      if (!cell) return;
      const term = cell.closest(".term");
      const view = inputViews[[...byId("terms").children].indexOf(term) % inputViews.length];
      const pixels = view.isTable ? [view.marked[cell.dataset.place]] : [];
      const same = term.querySelectorAll(`[data-place="${cell.dataset.place}"]`);
      for (const one of [...pixels, ...same]) one.classList.toggle("lit", isLit);
    });
  }
}

// The player -------------------------------------------------------------------------------------------

/** Go so many positions on; while the output is covered, this uncovers it. */
function step(count) {
  const next = Math.min(Math.max(position() + count, 0), outputCount() - 1);
  if (state.filled !== Infinity) state.filled = Math.max(state.filled, next + 1);
  moveTo(Math.floor(next / axes[1].output), next % axes[1].output);
}

function startOver() {
  state.filled = 1;
  moveTo(0, 0);
}

function play() {
  if (position() === outputCount() - 1) startOver();
  else state.filled = Math.min(state.filled, position() + 1);
  byId("sum").setAttribute("aria-live", "off"); // several values a second are too many to read out
  byId("play").textContent = "pause";
  const perTick = Math.ceil(outputCount() / (MAX_CELLS * MAX_CELLS)) ** 2;
  const tick = () => {
    step(perTick);
    if (position() === outputCount() - 1) return pause();
    timer = setTimeout(tick, Number(byId("speed").value));
  };
  showPosition();
  timer = setTimeout(tick, Number(byId("speed").value));
}

function pause() {
  if (timer !== null) clearTimeout(timer);
  timer = null;
  byId("play").textContent = "play";
  byId("sum").setAttribute("aria-live", "polite");
  if (outputView && state.filled >= outputCount()) state.filled = Infinity;
}

const ACTIONS = {
  start: () => { pause(); startOver(); },
  back: () => { pause(); step(-1); },
  play: () => timer === null ? play() : pause(),
  step: () => { pause(); step(1); },
  all: () => { pause(); state.filled = Infinity; showPosition(); },
  reset: () => { pause(); state = structuredClone(data.state); state.filled = Infinity; drawKernel(); render(); },
};

const KEYS = {
  ArrowLeft: () => moveTo(state.at[0], state.at[1] - 1),
  ArrowRight: () => moveTo(state.at[0], state.at[1] + 1),
  ArrowUp: () => moveTo(state.at[0] - 1, state.at[1]),
  ArrowDown: () => moveTo(state.at[0] + 1, state.at[1]),
  Home: () => moveTo(0, 0),
  End: () => moveTo(axes[0].output - 1, axes[1].output - 1),
  " ": ACTIONS.play,
  n: ACTIONS.step,
};

function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    const isElsewhere = event.target.closest("input, select, button, a");
    const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || isElsewhere || !outputView || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    if (event.key.startsWith("Arrow")) pause();
    action();
  });
}

// Settings ---------------------------------------------------------------------------------------------

const chosen = (id) => JSON.parse(byId(id).value);

const SETTERS = {
  operation: () => { state.operation = byId("operation").value; drawKernel(); },
  filter: () => { chooseFilter(chosen("filter")); drawKernel(); },
  size: () => { state.pooling.size = state.pooling.stride = chosen("size"); drawKernel(); },
  padding: () => { settings().padding = chosen("padding"); },
  stride: () => { settings().stride = chosen("stride"); },
  dilation: () => { state.convolution.dilation = chosen("dilation"); },
  border: () => { state.border = chosen("border"); },
  "border-value": () => setNumber("border-value", "borderValue"),
  bias: () => setNumber("bias", "bias"),
  relu: () => { state.relu = byId("relu").checked; },
  flip: () => { state.flip = byId("flip").checked; },
  ceil: () => { state.pooling.ceil = byId("ceil").checked; },
  channel: () => { state.channel = chosen("channel"); },
  colors: () => { state.colors = byId("colors").value; },
};

function setNumber(id, name) {
  const value = parse(byId(id).value);
  byId(id).setAttribute("aria-invalid", Number.isNaN(value));
  if (!Number.isNaN(value)) state[name] = value;
}

function listenToSettings() {
  for (const [id, set] of Object.entries(SETTERS)) {
    byId(id).addEventListener("input", () => {
      pause();
      set();
      render();
    });
  }
  for (const [id, action] of Object.entries(ACTIONS)) byId(id).addEventListener("click", action);
  byId("settings").addEventListener("submit", (event) => event.preventDefault());
}

state.filled = Infinity;
drawKernel();
render();
listenToPointers();
listenToTerms();
listenToKeys();
listenToSettings();
let lastWidth = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== lastWidth) render(); // bars of phones that come and go change the height alone
  lastWidth = innerWidth;
});
