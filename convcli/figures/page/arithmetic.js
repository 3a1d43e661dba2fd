// The arithmetic of convcli. A job describes one computation:
//   height, width, planes   the input: an array of height * width values for each channel
//   operation               "convolution", "max" or "avg"
//   padding                 "valid", "same", "same_lower" or [[top, bottom], [left, right]]
//   stride                  [vertical, horizontal]
// a convolution has
//   kernels                 several are combined; each has one matrix (rows of numbers), which is applied to one
//                           channel, or a matrix for each channel, whose sums are added up
//   combination             "single", "magnitude", "strongest", "absolute sum" or "absolute maximum"
//   dilation, border, borderValue, flip, bias, relu
// and pooling has
//   size                    [vertical, horizontal]
//   ceil                    whether the output size is rounded up

/** How a window slides along an axis; see convcli/sizes/windowed.py. */
function slide(side, window, padding, stride, dilation, ceil) {
  const extent = dilation * (window - 1) + 1;
  let [before, after] = Array.isArray(padding) ? padding : [0, 0];
  if (padding === "same" || padding === "same_lower") {
    const total = Math.max((Math.ceil(side / stride) - 1) * stride + extent - side, 0);
    const halves = [Math.floor(total / 2), Math.ceil(total / 2)];
    [before, after] = padding === "same" ? halves : halves.reverse();
  }
  const span = side + before + after - extent;
  let output = Math.floor(span / stride) + 1;
  if (ceil) {
    output = Math.ceil(span / stride) + 1;
    if ((output - 1) * stride >= side + before) output -= 1;
  }
  return { side, window, before, after, stride, dilation, extent, output, ceil, padded: side + before + after };
}

/** The axes of a job: rows and columns. */
function slideAxes(job) {
  const isPooling = job.operation !== "convolution";
  const matrix = job.kernels[0][0];
  const window = isPooling ? job.size : [matrix.length, matrix[0].length];
  return [job.height, job.width].map((side, index) => {
    const padding = Array.isArray(job.padding) ? job.padding[index] : job.padding;
    const dilation = isPooling ? 1 : job.dilation[index];
    return slide(side, window[index], padding, job.stride[index], dilation, isPooling && job.ceil);
  });
}

/** The formula of the output size with the numbers of an axis. */
function sizeFormula(axis) {
  const padding = axis.before === axis.after ? `2·${axis.before}` : `${axis.before} + ${axis.after}`;
  const dilated = axis.dilation > 1 && axis.window > 1;
  const filter = dilated ? `(${axis.dilation}·(${axis.window} - 1) + 1)` : `${axis.window}`;
  const name = axis.ceil ? "ceil" : "floor";
  const plain = Math[name]((axis.padded - axis.extent) / axis.stride) + 1;
  const text = `${name}((${axis.side} + ${padding} - ${filter})/${axis.stride}) + 1 = ${plain}`;
  return plain === axis.output ? text : `${text}, less a window that starts beyond the input`;
}

/** What is wrong with the axes, or an empty text. */
function sizeError(job, axes) {
  for (const axis of axes) {
    if (axis.output < 1) {
      return `The window does not fit: ${sizeFormula(axis)}. It spans ${axis.extent} pixels, and the padded input ` +
        `has ${axis.padded}. Use more padding or a smaller window.`;
    }
    const most = Math.floor(axis.window / 2);
    if (job.operation !== "convolution" && Math.max(axis.before, axis.after) > most) {
      return `The padding exceeds half the window, so a window could contain only padding. Use at most ${most}.`;
    }
  }
  return "";
}

const modulo = (number, divisor) => ((number % divisor) + divisor) % divisor;

/** The pixel that a position beyond the input shows, or -1 for the value of the border; see borders.py. */
function borderSource(position, side, kind) {
  if (kind === "zero" || kind === "constant") return -1;
  if (kind === "edge") return position < 0 ? 0 : side - 1;
  if (kind === "wrap") return modulo(position, side);
  const period = kind === "symmetric" ? 2 * side : Math.max(2 * side - 2, 1);
  const folded = modulo(position, period);
  return Math.min(folded, (kind === "symmetric" ? period - 1 : 2 * side - 2) - folded);
}

/** The input pixel that each position of a padded axis shows, or -1. */
function borderSources(axis, kind) {
  return Array.from({ length: axis.padded }, (_, index) => {
    const position = index - axis.before;
    return 0 <= position && position < axis.side ? position : borderSource(position, axis.side, kind);
  });
}

/** A plane with its padding: padded rows * padded columns values; padding of pooling is NaN, never read. */
function padPlane(job, plane, [rows, columns]) {
  const isPooling = job.operation !== "convolution";
  const kind = isPooling ? "constant" : job.border;
  const fill = isPooling ? NaN : kind === "constant" ? job.borderValue : 0;
  const across = borderSources(columns, kind);
  const padded = new Float64Array(rows.padded * columns.padded);
  let index = 0;
  for (const row of borderSources(rows, kind)) {
    for (const column of across) {
      padded[index++] = row < 0 || column < 0 ? fill : plane[row * columns.side + column];
    }
  }
  return padded;
}

/** A matrix as it is applied: rotated by 180 degrees if the job flips its kernels. */
const applied = (job, matrix) => job.flip ? matrix.map((row) => [...row].reverse()).reverse() : matrix;

/** Add the products of a matrix and a padded plane to sums. */
function correlate(sums, padded, matrix, [rows, columns]) {
  matrix.forEach((taps, down) => taps.forEach((tap, across) => {
    if (tap === 0) return; // zero times infinity is not added
    let index = 0;
    for (let row = 0; row < rows.output; row++) {
      let source = (row * rows.stride + down * rows.dilation) * columns.padded + across * columns.dilation;
      for (let column = 0; column < columns.output; column++, source += columns.stride) {
        sums[index++] += tap * padded[source];
      }
    }
  }));
}

/** One value from the sums of several kernels. */
function combine(combination, sums) {
  switch (combination) {
    case "magnitude": return Math.sqrt(sums.reduce((total, sum) => total + sum * sum, 0));
    case "strongest": return Math.max(...sums);
    case "absolute sum": return sums.reduce((total, sum) => total + Math.abs(sum), 0);
    case "absolute maximum": return Math.max(...sums.map(Math.abs));
    default: return sums[0];
  }
}

/** A combined value with the bias, then ReLU; + 0 turns -0 into 0. */
function finish(job, value) {
  const biased = value + job.bias + 0;
  return job.relu && biased < 0 ? 0 : biased;
}

/** The planes that each matrix of a kernel reads: all, or the chosen one. */
function planesRead(job, channel) {
  const isVolume = job.operation === "convolution" && job.kernels[0].length > 1;
  return isVolume ? job.planes.map((_, index) => index) : [channel];
}

/** These planes with their padding; a job keeps them, because every position needs them. */
function paddedPlanes(job, channel, axes) {
  job.padded ??= [];
  return planesRead(job, channel).map((index) => job.padded[index] ??= padPlane(job, job.planes[index], axes));
}

/** The output of a channel: rows.output * columns.output values. */
function compute(job, channel) {
  const axes = slideAxes(job);
  const padded = paddedPlanes(job, channel, axes);
  if (job.operation !== "convolution") return poolPlane(job, padded[0], axes);
  const size = axes[0].output * axes[1].output;
  const responses = job.kernels.map((kernel) => {
    const sums = new Float64Array(size);
    kernel.forEach((matrix, index) => correlate(sums, padded[index], applied(job, matrix), axes));
    return sums;
  });
  const sums = Array(responses.length).fill(0);
  return responses[0].map((_, index) => {
    for (let number = 0; number < sums.length; number++) sums[number] = responses[number][index];
    return finish(job, combine(job.combination, sums));
  });
}

/** The cells of the padded plane that an output reads, row by row; none beyond its end. */
function windowCells([rows, columns], at) {
  const cells = [];
  for (let down = 0; down < rows.window; down++) {
    for (let across = 0; across < columns.window; across++) {
      const row = at[0] * rows.stride + down * rows.dilation;
      const column = at[1] * columns.stride + across * columns.dilation;
      const inside = row >= rows.before && row < rows.before + rows.side &&
        column >= columns.before && column < columns.before + columns.side;
      if (row < rows.padded && column < columns.padded) cells.push({ row, column, down, across, inside });
    }
  }
  return cells;
}

/** The largest or the mean of values. */
function pooled(operation, values) {
  if (operation === "max") return Math.max(...values);
  return values.reduce((total, value) => total + value, 0) / values.length;
}

/** Pool a padded plane; padding is never counted. */
function poolPlane(job, padded, [rows, columns]) {
  const ranges = [rows, columns].map((axis) => Array.from({ length: axis.output }, (_, index) => {
    const [first, end] = [index * axis.stride, index * axis.stride + axis.window];
    return [Math.max(first, axis.before), Math.min(end, axis.before + axis.side)];
  }));
  const output = new Float64Array(rows.output * columns.output);
  let index = 0;
  for (const [top, bottom] of ranges[0]) {
    for (const [left, right] of ranges[1]) {
      const values = [];
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) values.push(padded[row * columns.padded + column]);
      }
      output[index++] = pooled(job.operation, values);
    }
  }
  return output;
}

/**
 * How one output comes about: terms, one for each matrix, with `cells` (the window's cells, and their value, tap and
 * product), `channel`, `kernel` and their sum; then the sum of each kernel, their combination, and the final value.
 */
function explain(job, channel, at) {
  const axes = slideAxes(job);
  const cells = windowCells(axes, at);
  const read = planesRead(job, channel);
  const values = paddedPlanes(job, channel, axes).map((padded) =>
    cells.map((cell) => padded[cell.row * axes[1].padded + cell.column]));
  if (job.operation !== "convolution") {
    const counted = cells.map((cell, index) => ({ ...cell, value: values[0][index] }));
    const inside = counted.filter((cell) => cell.inside);
    const total = pooled(job.operation, inside.map((cell) => cell.value));
    const winner = job.operation === "max" ? inside.find((cell) => cell.value === total) : null;
    return { terms: [{ channel, kernel: 0, cells: counted, winner }], total };
  }
  const terms = job.kernels.flatMap((kernel, number) => kernel.map((matrix, index) => {
    const taps = applied(job, matrix);
    const products = cells.map((cell, position) => {
      const [value, tap] = [values[index][position], taps[cell.down][cell.across]];
      return { ...cell, value, tap, product: tap === 0 ? 0 : value * tap + 0 };
    });
    const sum = products.reduce((total, cell) => total + cell.product, 0);
    return { channel: read[index], kernel: number, cells: products, sum };
  }));
  const sums = job.kernels.map((_, number) =>
    terms.filter((term) => term.kernel === number).reduce((total, term) => total + term.sum, 0));
  const combined = combine(job.combination, sums);
  return { terms, sums, combined, total: finish(job, combined) };
}
