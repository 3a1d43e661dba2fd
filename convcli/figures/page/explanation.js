// How one output value is computed, in tables and as a written sum.

const MAX_WRITTEN = 25; // products that are written out
const MAX_NUMBERS = 81; // cells of a table with numbers; larger tables are colored only

const inBrackets = (text) => /[−/]/.test(text) ? `(${text})` : text;

/** A small table of the cells of a window. */
function windowTable(cells, window, fill) {
  const table = make("table");
  const places = new Map(cells.map((cell, index) => [cell.down * window[1] + cell.across, index]));
  for (let down = 0; down < window[0]; down++) {
    const row = make("tr");
    for (let across = 0; across < window[1]; across++) {
      const place = places.get(down * window[1] + across); // none beyond the end of the padded input
      const item = place === undefined ? make("td", { className: "padding" }) : fill(cells[place]);
      if (place !== undefined) item.dataset.place = place;
      if (window[0] * window[1] > MAX_NUMBERS) Object.assign(item, { title: item.textContent, textContent: "" });
      row.append(item);
    }
    table.append(row);
  }
  return make("div", { className: "view" }, table);
}

/** Give the tables of an explanation cells of one size that fit side by side. */
function fitTables(terms, window) {
  const [rem, tables] = [remPixels(), [...terms.querySelectorAll("table")]];
  const hasNumbers = window[0] * window[1] <= MAX_NUMBERS;
  const most = (terms.childElementCount > 1 ? 2.2 : 2.6) * rem;
  const side = hasNumbers ? Math.min((terms.clientWidth - 9.5 * rem) / (3 * window[1]), most) : 0.5 * rem;
  setCells(tables, side, 0.7 * rem);
}

const signOf = (value) => value > 0 ? "positive" : value < 0 ? "negative" : "";

/** The window of a plane, the kernel, their products, and their sum. */
function convolutionTerm(term, name, window, scale, divisor) {
  const values = windowTable(term.cells, window, (cell) => valueCell(cell.value, scale.color(cell.value)));
  const taps = windowTable(term.cells, window, (cell) =>
    make("td", { textContent: formatTap(cell.tap, divisor), className: signOf(cell.tap) }));
  const products = windowTable(term.cells, window, (cell) => valueCell(cell.product, null, signOf(cell.product)));
  const sum = make("strong", { textContent: `→ sum ${format(term.sum)}` });
  const steps = make("div", { className: "steps" }, values, "×", taps, "=", products, sum);
  return make("div", { className: "term" }, make("h3", { textContent: name, hidden: !name }), steps,
    make("p", { className: "written", textContent: writtenSum(term, divisor) }));
}

function writtenSum(term, divisor) {
  const count = term.cells.length;
  if (count > MAX_WRITTEN) return `the sum of ${count} products: ${format(term.sum)}`;
  const products = term.cells.map((cell) =>
    `${inBrackets(format(cell.value))}·${inBrackets(formatTap(cell.tap, divisor))}`);
  return `${products.join(" + ")} = ${format(term.sum)}`;
}

/** The window of pooling, and which value won or what the mean is of. */
function poolingTerm(explained, operation, window, scale) {
  const [term] = explained.terms;
  const table = windowTable(term.cells, window, (cell) => {
    if (!cell.inside) return make("td", { className: "padding", title: "padding is not counted" });
    return valueCell(cell.value, scale.color(cell.value), cell === term.winner ? "winner" : "");
  });
  const values = term.cells.filter((cell) => cell.inside).map((cell) => inBrackets(format(cell.value)));
  const few = values.length <= MAX_WRITTEN;
  const listed = few ? values.join(operation === "max" ? ", " : " + ") : `${values.length} values`;
  const total = format(explained.total);
  const written = operation === "max" ? `max(${listed}) = ${total}` : `(${listed}) / ${values.length} = ${total}`;
  return make("div", { className: "term" }, make("div", { className: "steps" }, table),
    make("p", { className: "written", textContent: written }));
}

const COMBINED = {
  magnitude: ["√(", " + ", ")", (text) => `${inBrackets(text)}²`],
  strongest: ["max(", ", ", ")", (text) => text],
  "absolute sum": ["", " + ", "", (text) => `|${text}|`],
  "absolute maximum": ["max(", ", ", ")", (text) => `|${text}|`],
};

/** How the sums of the terms become the value; empty where a single sum is the value. */
function writtenTotal(explained, job) {
  const parts = [];
  if (job.combination !== "single") {
    const [before, between, after, each] = COMBINED[job.combination];
    const sums = explained.sums.map((sum) => each(format(sum)));
    parts.push(`${before}${sums.join(between)}${after} = ${format(explained.combined)}`);
  } else if (explained.terms.length > 1) {
    const sums = explained.terms.map((term) => inBrackets(format(term.sum)));
    parts.push(`${sums.join(" + ")} = ${format(explained.combined)}`);
  }
  const biased = explained.combined + job.bias;
  if (job.bias !== 0) {
    parts.push(`${format(explained.combined)} + ${inBrackets(format(job.bias))} (bias) = ${format(biased)}`);
  }
  if (job.relu) parts.push(`ReLU: max(0, ${format(biased)}) = ${format(explained.total)}`);
  return parts.join("; ");
}

/** The elements that explain one output value. */
function explanationElements(job, explained, names, scale, window, divisor) {
  if (job.operation !== "convolution") return [poolingTerm(explained, job.operation, window, scale)];
  const isVolume = job.kernels[0].length > 1;
  const elements = explained.terms.map((term) => {
    const name = isVolume ? names[term.channel] : job.kernels.length > 1 ? `kernel ${term.kernel + 1}` : "";
    return convolutionTerm(term, name, window, scale, divisor);
  });
  const total = writtenTotal(explained, job);
  return total ? [...elements, make("p", { className: "written total", textContent: total })] : elements;
}
