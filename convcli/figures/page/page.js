// The page: its state, its settings, and what happens when a pointer, a key or the clock acts.

const byId = (id) => document.getElementById(id);
const inPanel = (panel, name) => byId(panel).querySelector(`.${name}`);
const data = JSON.parse(byId("data").textContent);
const ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array, float64: Float64Array };

/** The planes of the input, from their bytes. */
function readPlanes() {
  const bytes = Uint8Array.from(atob(data.pixels), (letter) => letter.charCodeAt(0));
  const values = new ARRAYS[data.dtype](bytes.buffer);
  const size = data.height * data.width;
  return data.channels.map((_, index) => values.subarray(index * size, (index + 1) * size));
}

const input = { height: data.height, width: data.width, planes: readPlanes() };
let state = structuredClone(data.state);
let job, axes, output, timer = null;
let [inputViews, outputView, inputScale, inputShown] = [[], null, null, null];

const isVolume = () => state.operation === "convolution" && state.kernels[0].length > 1;
const settings = () => state[state.operation === "convolution" ? "convolution" : "pooling"];
const outputCount = () => axes[0].output * axes[1].output;
const position = () => state.at[0] * axes[1].output + state.at[1];
const sizeText = (rows, columns) => `${rows}x${columns}`;
const pairText = (pair) => pair[0] === pair[1] ? `${pair[0]}` : pair.join("x");

/** A padding as the command line writes it. */
function paddingText(padding) {
  if (!Array.isArray(padding)) return padding;
  if (padding.every(([before, after]) => before === after)) return pairText(padding.map(([before]) => before));
  return padding.map((ends) => ends.join(":")).join("x");
}

// Drawing ----------------------------------------------------------------------------------------------

/** Compute and draw everything. */
function render() {
  job = { ...input, ...state, ...settings() };
  axes = slideAxes(job);
  showSettings();
  const error = sizeError(job, axes);
  for (const id of ["player", "explanation", "formula", "command"]) byId(id).hidden = Boolean(error);
  if (error) {
    pause();
    output = outputView = inputShown = null;
    inputViews.forEach((view) => view.unmark());
    inPanel("output", "views").replaceChildren(make("p", { className: "error", textContent: error }));
    for (const name of ["legend", "size"]) inPanel("output", name).textContent = "";
    return;
  }
  output = compute(job, state.channel);
  state.at = state.at.map((index, axis) => Math.min(index, axes[axis].output - 1));
  byId("panels").classList.toggle("wide", axes[1].padded > 10 && axes[1].padded <= MAX_CELLS);
  const shown = JSON.stringify([axes, job.border, job.borderValue, isVolume(), job.operation, job.channel, innerWidth]);
  if (shown !== inputShown) drawInput(); // many cells, and most changes are of the kernel
  inputShown = shown;
  drawOutput();
  showPosition();
}

/** The width, the height and the largest cell of each of several views in a panel; tables stand side by side. */
function room(panel, count, columns) {
  const [width, rem] = [inPanel(panel, "views").clientWidth - 6, remPixels()]; // less the padding of a view
  const fitting = Math.max(Math.floor(width / ((columns + 2) * 1.3 * rem)), 1);
  const beside = columns > MAX_CELLS ? 1 : Math.min(count, fitting);
  return [width / beside - (beside > 1 ? rem : 0), Math.max(innerHeight * 0.46, 220), 4.2 * rem];
}

function drawInput() {
  const [rows, columns] = axes;
  const read = planesRead(job, state.channel);
  const padded = paddedPlanes(job, state.channel, axes);
  const signed = isNegative(input.planes);
  inputScale = makeScale(signed ? "signed" : "levels", data.white ?? largest(input.planes));
  const isPicture = Math.max(rows.padded, columns.padded) > MAX_CELLS;
  const layers = read.length === 3 && isPicture && !signed ? [padded] : padded.map((plane) => [plane]);
  const views = inPanel("input", "views");
  if (inputViews.length !== layers.length) {
    views.replaceChildren();
    inputViews = layers.map(() => new PlaneView(views, "input"));
  }
  const unread = axes.map(unreadPositions);
  layers.forEach((planes, index) => inputViews[index].draw({
    rows: rows.padded, columns: columns.padded, planes, scale: inputScale, unread,
    room: room("input", layers.length, columns.padded),
    padding: [rows.before, columns.before, rows.side, columns.side], isPooling: job.operation !== "convolution",
    title: layers.length === 1 ? "" : data.channels[read[index]],
  }));
  const padding = sizeText(rows.padded, columns.padded);
  const isFlat = data.channels.length === 1;
  const depth = isFlat ? "" : `x${data.channels.length}`;
  const shown = isFlat || isVolume() ? "" : `, ${data.channels[state.channel]}`;
  const isPadded = rows.padded > rows.side || columns.padded > columns.side;
  inPanel("input", "size").textContent =
    `${sizeText(rows.side, columns.side)}${depth}${shown}${isPadded ? `, with padding ${padding}` : ""}`;
  const lost = unread.some((positions) => positions.size) ? "; crossed out: never read" : "";
  inPanel("input", "legend").textContent = inputScale.text + lost;
}

/** The positions of an axis that no window reads. */
function unreadPositions(axis) {
  const positions = new Set(Array.from({ length: axis.side }, (_, index) => index));
  for (let index = 0; index < axis.output; index++) {
    const first = index * axis.stride - axis.before;
    for (let tap = 0; tap < axis.window; tap++) positions.delete(first + tap * axis.dilation);
  }
  return positions;
}

/** The scale of the output: gray shows the sign where the kernel can give negative values. */
function outputScale() {
  const isSigned = job.operation === "convolution" && job.combination === "single" && !job.relu;
  const canBeNegative = isNegative([output]) || (isSigned && isNegative([job.kernels.flat(3)]));
  const isOwn = state.colors === "gray" || state.colors === "color";
  const limit = isOwn ? largest([output]) : data.white ?? largest([output]);
  if (state.colors !== "gray") return makeScale(state.colors, limit);
  return canBeNegative ? makeScale("signed", limit) : makeScale("levels", Math.max(limit, data.white ?? 0));
}

function drawOutput() {
  const [rows, columns] = axes;
  const views = inPanel("output", "views");
  if (!outputView) {
    views.replaceChildren();
    outputView = new PlaneView(views, "output");
  }
  const scale = outputScale();
  const [width, height, most] = room("output", 1, columns.output);
  const cell = inputViews.length === 1 && inputViews[0].isTable ? inputViews[0].cell : most * 0.8;
  outputView.draw({ rows: rows.output, columns: columns.output, planes: [output], scale, room: [width, height, cell] });
  inPanel("output", "size").textContent = sizeText(rows.output, columns.output);
  inPanel("output", "legend").textContent = scale.text;
  const formulas = new Set(axes.map(sizeFormula));
  byId("formula").textContent = `${axes[0].ceil ? "ceil" : "floor"}((n + 2p - f)/s) + 1 = ${[...formulas].join(", ")}`;
}

/** Show where the window is, and how the output there is computed. */
function showPosition() {
  const explained = explain(job, state.channel, state.at);
  const [{ cells, winner }] = explained.terms;
  inputViews.forEach((view) => view.mark(cells, winner));
  outputView.mark([{ row: state.at[0], column: state.at[1] }]);
  outputView.show(state.filled);
  const total = format(explained.total);
  const drawn = state.colors === "abs" && explained.total < 0 ? `, drawn as ${format(-explained.total)}` : "";
  byId("sum").textContent = `output row ${state.at[0]}, column ${state.at[1]}: ${total}${drawn}`;
  const window = axes.map((axis) => axis.window);
  const elements = explanationElements(job, explained, data.channels, inputScale, window, state.divisor);
  byId("terms").replaceChildren(...elements);
  fitTables(byId("terms"), window);
  byId("all").hidden = state.filled === Infinity;
  showCommand();
}

/** The command that prints the same explanation. */
function showCommand() {
  const words = commandWords();
  byId("command").hidden = !words;
  if (!words) return;
  const quoted = words.map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
  byId("command").replaceChildren("In the terminal: ", make("code", { textContent: quoted.join(" ") }));
}

/** A coefficient as --kernel reads it, exactly. */
function tapWord(tap, divisor) {
  const fraction = formatTap(tap, divisor).replaceAll("−", "-");
  return fraction.includes("/") ? fraction : `${tap}`;
}

function commandWords() {
  const usual = { "--padding": "same", "--border": "edge", "--stride": "1", "--dilation": "1", "--bias": "0" };
  const options = { "--padding": paddingText(job.padding), "--stride": pairText(job.stride) };
  const operation = operationWords(options);
  if (!data.command.length || !operation) return null;
  const isOneChannel = data.channels.length > 1 && !isVolume();
  const channel = isOneChannel ? ["--channels", data.channels[state.channel][0]] : [];
  const changed = Object.entries(options).filter(([name, value]) => value !== usual[name]).flat();
  return [...data.command, ...operation, ...channel, ...changed, "--at", `${state.at[1]},${state.at[0]}`];
}

/** The words for the filter or the pooling, or null if there are none; adds to the other options. */
function operationWords(options) {
  if (state.operation !== "convolution") {
    return job.ceil ? null : ["--pool", state.operation, "--f", pairText(job.size)];
  }
  options["--border"] = state.border === "constant" ? `constant:${state.borderValue}` : state.border;
  options["--dilation"] = pairText(job.dilation);
  options["--bias"] = `${state.bias}`;
  const switches = [...(state.flip ? ["--flip"] : []), ...(state.relu ? ["--relu"] : [])];
  if (state.filter !== null) {
    const words = data.filters[state.filter].command;
    const isSummed = isVolume() && state.filter > 0;
    return words.length ? [...words, ...(isSummed ? ["--channels", "sum"] : []), ...switches] : null;
  }
  if (state.kernels.length > 1 || isVolume()) return null;
  const rows = state.kernels[0][0].map((row) => row.map((tap) => tapWord(tap, state.divisor)).join(" "));
  return ["--kernel", rows.join("; "), ...switches];
}

// Settings ---------------------------------------------------------------------------------------------

/** Fill a choice with values, adding the current one if it is not among them. */
function fillChoice(id, values, current, text) {
  const items = [...values, current].map((value) => JSON.stringify(value));
  const unique = [...new Set(items)];
  byId(id).replaceChildren(...unique.map((value) => make("option", { value, textContent: text(JSON.parse(value)) })));
  byId(id).value = JSON.stringify(current);
}

const pairs = (most) => Array.from({ length: most }, (_, index) => [index + 1, index + 1]);

function showSettings() {
  const isPooling = state.operation !== "convolution";
  document.querySelectorAll(".of-convolution").forEach((label) => { label.hidden = isPooling; });
  document.querySelectorAll(".of-pooling").forEach((label) => { label.hidden = !isPooling; });
  byId("operation").value = state.operation;
  const amounts = pairs(isPooling ? 4 : 8).map((pair) => [pair, pair]);
  fillChoice("padding", ["valid", "same", ...amounts], settings().padding, (padding) =>
    padding === "valid" ? "0 (valid)" : paddingText(padding));
  fillChoice("stride", pairs(8), settings().stride, pairText);
  fillChoice("size", pairs(8), state.pooling.size, pairText);
  fillChoice("dilation", pairs(6), state.convolution.dilation, pairText);
  fillChoice("border", ["zero", "constant", "edge", "reflect", "symmetric", "wrap"], state.border, String);
  const names = data.filters.map((_, index) => index);
  fillChoice("filter", names, state.filter, (index) => index === null ? "edited" : data.filters[index].name);
  fillChoice("channel", data.channels.map((_, index) => index), state.channel, (index) => data.channels[index]);
  byId("channels").hidden = data.channels.length === 1 || isVolume();
  byId("constant").hidden = isPooling || state.border !== "constant";
  byId("relu").checked = state.relu;
  byId("flip").checked = state.flip;
  byId("ceil").checked = state.pooling.ceil;
  byId("colors").value = state.colors;
  for (const [id, name] of [["bias", "bias"], ["border-value", "borderValue"]]) {
    if (byId(id) !== document.activeElement) byId(id).value = format(state[name]);
  }
}

/** Draw the fields of the kernel anew; they stay as they are while someone types. */
function drawKernel() {
  const views = inPanel("kernel", "views");
  views.replaceChildren();
  const [size, legend] = [inPanel("kernel", "size"), inPanel("kernel", "legend")];
  if (state.operation !== "convolution") {
    byId("kernel-title").textContent = "Window";
    size.textContent = `${sizeText(...state.pooling.size)}, nothing to learn`;
    const mean = "the mean of the values; padding is not counted";
    legend.textContent = state.operation === "max" ? "the largest value wins" : mean;
    return;
  }
  byId("kernel-title").textContent = state.kernels.length > 1 ? "Kernels" : "Kernel";
  state.kernels.forEach((kernel, number) => kernel.forEach((matrix, index) => {
    const name = kernel.length > 1 ? data.channels[index] : state.kernels.length > 1 ? `kernel ${number + 1}` : "";
    const heading = make("h3", { textContent: name, hidden: !name });
    views.append(make("div", { className: "block" }, heading, kernelFields(matrix, name)));
  }));
  showKernelSize();
}

function showKernelSize() {
  const [matrices, [matrix]] = [state.kernels.flat(), state.kernels[0]];
  const depth = isVolume() ? `x${state.kernels[0].length}` : "";
  const taps = matrices.flat(2);
  const many = state.kernels.length > 1 ? `${state.kernels.length} of ` : "";
  inPanel("kernel", "size").textContent = `${many}${sizeText(matrix.length, matrix[0].length)}${depth}`;
  inPanel("kernel", "legend").textContent =
    `${taps.length} coefficients, sum ${format(taps.reduce((total, tap) => total + tap, 0) + 0)}`;
}

function kernelFields(matrix, name) {
  const fields = make("div", { className: "taps" });
  const texts = matrix.map((row) => row.map((tap) => {
    const text = formatTap(tap, state.divisor);
    return text.length > 7 ? format(tap, 3) : text;
  }));
  const letters = Math.max(...texts.flat().map((text) => text.length), 2);
  fields.classList.toggle("small", matrix[0].length > 7);
  fields.style.gridTemplateColumns = `repeat(${matrix[0].length},auto)`;
  fields.style.setProperty("--width", `${letters * 0.65 + 0.9}em`);
  matrix.forEach((row, down) => row.forEach((tap, across) => {
    const field = make("input", { value: texts[down][across], className: signOf(tap), autocomplete: "off" });
    field.setAttribute("aria-label", `kernel ${name ? `${name}, ` : ""}row ${down}, column ${across}`);
    field.addEventListener("focus", () => field.select());
    field.addEventListener("input", () => setTap(field, row, across));
    field.addEventListener("keydown", (event) => {
      const change = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!change) return;
      event.preventDefault();
      field.value = formatTap(row[across] + change, state.divisor);
      setTap(field, row, across);
    });
    fields.append(field);
  }));
  return fields;
}

/** Take a coefficient from its field; what is not a number is marked, and the last number stays. */
function setTap(field, row, column) {
  const value = parse(field.value);
  field.setAttribute("aria-invalid", Number.isNaN(value));
  field.setCustomValidity(Number.isNaN(value) ? "Not a number; write one such as -1.5 or 1/16." : "");
  field.reportValidity();
  if (Number.isNaN(value)) return;
  row[column] = value;
  field.className = signOf(value);
  state.filter = null;
  showKernelSize();
  render();
}

/** Take the kernels of a named filter; a volume gets its matrix for each channel. */
function chooseFilter(index) {
  const filter = structuredClone(data.filters[index]);
  const depth = data.state.kernels[0].length;
  if (depth > 1 && index > 0) {
    filter.kernels = filter.kernels.map(([matrix]) => Array.from({ length: depth }, () => structuredClone(matrix)));
  }
  const { kernels, combination, divisor } = filter;
  Object.assign(state, { kernels, combination, divisor, filter: index });
}
