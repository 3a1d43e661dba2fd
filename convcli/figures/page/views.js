// How values are shown: as text, as colors, and as planes: tables of numbers, or pictures.

const MAX_CELLS = 48; // a plane with a longer side is a picture, not a table

/** A number with at most so many significant digits, and a true minus. */
function format(value, digits = 6) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "−inf";
  const isShort = Number.isInteger(value) && Math.abs(value) < 1e9;
  const rounded = isShort ? value : Number(value.toPrecision(digits));
  const text = Math.abs(rounded) < 1e9 ? `${rounded}` : rounded.toExponential().replace("+", "");
  return text.replaceAll("-", "−");
}

/** A coefficient: a fraction where the kernel is a multiple of 1/divisor. */
function formatTap(tap, divisor) {
  const numerator = Math.round(tap * divisor);
  if (divisor > 1 && tap !== 0 && numerator / divisor === tap) return `${format(numerator)}/${divisor}`;
  return tap !== 0 && Math.abs(tap) < 0.001 ? tap.toExponential(1).replaceAll("-", "−") : format(tap, 4);
}

/** The number that a text such as "-1.5", "−2" or "1/16" stands for, or NaN. */
function parse(text) {
  const plain = text.replaceAll("−", "-");
  const match = /^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?:\s*\/\s*(\d+\.?\d*))?\s*$/i.exec(plain);
  const value = match ? Number(match[1]) / (match[2] === undefined ? 1 : Number(match[2])) : NaN;
  return Number.isFinite(value) ? value : NaN;
}

// Colors -----------------------------------------------------------------------------------------------

const NAN_COLOR = [230, 159, 0];
const [BLUE, RED] = [[33, 102, 172], [178, 24, 43]]; // the colors of convcli's signed maps

/** The largest finite magnitude of planes, or 1. */
function largest(planes) {
  let most = 0;
  for (const plane of planes) {
    for (const value of plane) if (Math.abs(value) > most && Math.abs(value) < Infinity) most = Math.abs(value);
  }
  return most || 1;
}

const isNegative = (planes) => planes.some((plane) => plane.some((value) => value < 0));

/** A scale maps a value to a gray level or to a color, and says how. */
function makeScale(kind, limit) {
  const [low, high] = [format(-limit, 4), format(limit, 4)];
  const gray = (share) => (value) => {
    const level = 255 * Math.min(Math.max(share(value), 0), 1);
    return [level, level, level];
  };
  const scales = {
    levels: [gray((value) => value / limit), `black 0, white ${high}`],
    signed: [gray((value) => (1 + value / limit) / 2), `black ${low}, gray 0, white ${high}`],
    abs: [gray((value) => Math.abs(value) / limit), `black 0, white ±${high}`],
    clip: [gray((value) => value / limit), `black 0 and less, white ${high}`],
    color: [(value) => {
      const [end, share] = [value < 0 ? BLUE : RED, Math.min(Math.abs(value) / limit, 1)];
      return end.map((level) => 255 + (level - 255) * share);
    }, `blue ${low}, white 0, red ${high}`],
  };
  const [color, text] = scales[kind];
  return { text, color: (value) => Number.isNaN(value) ? NAN_COLOR : color(value) };
}

const css = (color) => `rgb(${color.map(Math.round)})`;
const isDark = ([red, green, blue]) => 0.299 * red + 0.587 * green + 0.114 * blue < 118;

// Planes -----------------------------------------------------------------------------------------------

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** A cell of a table: a value on its color. */
function valueCell(value, color, name = "", digits = 4) {
  const cell = make("td", { textContent: format(value, digits), className: name });
  if (color) cell.style.cssText = `background:${css(color)};color:${isDark(color) ? "#fff" : "#000"}`;
  return cell;
}

/** The pixels of a CSS unit of 1rem. */
const remPixels = () => parseFloat(getComputedStyle(document.documentElement).fontSize);

/** Set the side of the cells of tables, but so large that letters of `smallest` pixels fit; return it. */
function setCells(tables, side, smallest = 7.5) {
  const cells = tables.flatMap((table) => [...table.querySelectorAll("td")]);
  const letters = cells.reduce((most, cell) => Math.max(most, cell.textContent.length), 0);
  const cell = Math.max(Math.floor(side), Math.ceil((letters + 0.5) * smallest * 0.62) + 3);
  const font = Math.min(cell * 0.45, (cell - 3) / ((letters + 0.5) * 0.62));
  for (const table of tables) {
    table.style.setProperty("--cell", `${cell}px`);
    table.style.setProperty("--font", `${font.toFixed(1)}px`);
  }
  return cell;
}

/** A plane on the page, with a frame around the cells that are read or written. */
class PlaneView {
  constructor(parent, name) {
    this.heading = make("h3");
    this.frame = make("div", { className: "frame" });
    this.edge = make("div", { className: "edge" });
    this.plane = make("div", { className: "plane" });
    this.scroller = make("div", { className: "view" }, this.plane);
    this.name = name;
    parent.append(make("div", { className: "block" }, this.heading, this.scroller));
  }

  /**
   * Show values, row by row: `planes` is one plane, or three for a color picture.
   * room: the width, the height and the largest cell; padding: [top, left, height, width] of the input within;
   * unread: what is never read, as sets of rows and columns.
   */
  draw({ rows, columns, planes, scale, room, title = "", padding = null, isPooling = false, unread = null }) {
    Object.assign(this, { rows, columns, planes, padding, shown: Infinity });
    this.heading.textContent = title;
    this.heading.hidden = !title;
    this.isTable = Math.max(rows, columns) <= MAX_CELLS;
    this.surface = this.isTable ? this.drawTable(scale, isPooling, unread) : this.drawPicture(scale, isPooling);
    this.surface.tabIndex = 0;
    const name = title ? `${this.name}, ${title}` : this.name;
    this.surface.setAttribute("aria-label", `${name}, ${rows} rows, ${columns} columns`);
    this.plane.replaceChildren(this.surface, this.edge, this.frame);
    const rem = remPixels();
    const [width, height, most] = room;
    if (!this.isTable) this.fitPicture(width, height);
    else this.cell = setCells([this.surface], Math.min((width - 2 * rem) / columns, (height - 1.5 * rem) / rows, most));
    this.edge.hidden = this.isTable || !padding || (padding[2] === rows && padding[3] === columns);
    if (!this.edge.hidden) this.place(this.edge, padding[0], padding[1], padding[2], padding[3]);
    this.frame.hidden = true;
  }

  isPadding(row, column) {
    if (!this.padding) return false;
    const [top, left, height, width] = this.padding;
    return row < top || row >= top + height || column < left || column >= left + width;
  }

  drawTable(scale, isPooling, unread) {
    const [top, left] = this.padding ?? [0, 0];
    const head = make("tr", {}, make("th"));
    for (let column = 0; column < this.columns; column++) {
      head.append(make("th", { textContent: column - left, scope: "col" }));
    }
    const body = make("tbody");
    this.cells = [];
    for (let row = 0; row < this.rows; row++) {
      const line = make("tr", {}, make("th", { textContent: row - top, scope: "row" }));
      for (let column = 0; column < this.columns; column++) {
        const value = this.planes[0][row * this.columns + column];
        const padding = this.isPadding(row, column);
        const cell = valueCell(value, scale.color(value), padding ? "padding" : "", this.columns > 6 ? 3 : 4);
        if (padding && isPooling) cell.textContent = "";
        if (padding) cell.style.cssText = "";
        if (!padding && unread && (unread[0].has(row - top) || unread[1].has(column - left))) {
          cell.classList.add("unread");
          cell.title = "no window reads this pixel";
        }
        cell.id = `${this.name}-${row}-${column}`;
        this.cells.push(cell);
        line.append(cell);
      }
      body.append(line);
    }
    const table = make("table", {}, make("thead", {}, head), body);
    table.setAttribute("role", "grid");
    this.marked = [];
    return table;
  }

  drawPicture(scale, isPooling) {
    const canvas = make("canvas", { width: this.columns, height: this.rows });
    canvas.setAttribute("role", "img");
    this.image = new ImageData(this.columns, this.rows);
    const pixels = this.image.data;
    for (let index = 0; index < this.rows * this.columns; index++) {
      const padding = this.padding && this.isPadding(Math.floor(index / this.columns), index % this.columns);
      const colors = this.planes.map((plane) => scale.color(plane[index]));
      const color = colors.length === 3 ? colors.map(([level]) => level) : colors[0];
      for (let part = 0; part < 3; part++) pixels[4 * index + part] = padding ? (color[part] + 160) / 2 : color[part];
      pixels[4 * index + 3] = padding && isPooling ? 0 : 255;
    }
    canvas.getContext("2d").putImageData(this.image, 0, 0);
    return canvas;
  }

  fitPicture(width, height) {
    const factor = Math.min(width / this.columns, height / this.rows);
    this.surface.style.width = `${Math.max(Math.floor(this.columns * factor), 16)}px`;
    this.surface.style.height = `${Math.max(Math.floor(this.rows * factor), 16)}px`;
  }

  /** The rectangle of cells on the page: left, top, width, height. */
  rectangle(row, column, height, width) {
    if (!this.isTable) {
      const [across, down] = [this.surface.clientWidth / this.columns, this.surface.clientHeight / this.rows];
      return [column * across, row * down, width * across, height * down];
    }
    const first = this.cells[row * this.columns + column];
    const last = this.cells[(row + height - 1) * this.columns + column + width - 1];
    return [first.offsetLeft, first.offsetTop, last.offsetLeft + last.offsetWidth - first.offsetLeft,
      last.offsetTop + last.offsetHeight - first.offsetTop];
  }

  /** Put an element around cells, at least 9 pixels wide. */
  place(element, row, column, height, width) {
    const [left, top, across, down] = this.rectangle(row, column, height, width);
    const [more, above] = [Math.max(0, 9 - across), Math.max(0, 9 - down)];
    Object.assign(element.style, { left: `${left - more / 2 - 2}px`, top: `${top - above / 2 - 2}px`,
      width: `${across + more + 4}px`, height: `${down + above + 4}px` });
  }

  /** Show no window. */
  unmark() {
    this.frame.hidden = true;
    if (this.isTable) this.marked.forEach((cell) => cell.classList.remove("window", "winner", "lit"));
  }

  /** Mark cells, and frame their extent; the winner is the largest value of a maximum. */
  mark(cells, winner = null) {
    const [tops, lefts] = [cells.map((cell) => cell.row), cells.map((cell) => cell.column)];
    const [row, column] = [Math.min(...tops), Math.min(...lefts)];
    this.unmark();
    this.frame.hidden = false;
    this.place(this.frame, row, column, Math.max(...tops) - row + 1, Math.max(...lefts) - column + 1);
    if (!this.isTable) return;
    const find = (cell) => this.cells[cell.row * this.columns + cell.column];
    this.marked = cells.map(find);
    this.marked.forEach((cell) => cell.classList.add("window"));
    if (winner) find(winner).classList.add("winner");
    this.surface.setAttribute("aria-activedescendant", this.marked[0].id);
    this.follow();
  }

  /** Scroll within the panel until the frame is visible. */
  follow() {
    const [box, left, width] = [this.scroller, this.frame.offsetLeft, this.frame.offsetWidth];
    if (left < box.scrollLeft) box.scrollLeft = left;
    else if (left + width > box.scrollLeft + box.clientWidth) box.scrollLeft = left + width - box.clientWidth;
  }

  /** Show only the first `count` values. */
  show(count) {
    if (count === this.shown) return;
    if (this.isTable) {
      this.cells.forEach((cell, index) => cell.classList.toggle("covered", index >= count));
    } else {
      const context = this.surface.getContext("2d");
      const [whole, rest] = [Math.floor(count / this.columns), count % this.columns];
      context.clearRect(0, 0, this.columns, this.rows);
      if (count >= this.rows * this.columns) context.putImageData(this.image, 0, 0);
      else {
        context.putImageData(this.image, 0, 0, 0, 0, this.columns, whole);
        context.putImageData(this.image, 0, 0, 0, whole, rest, 1);
      }
    }
    this.shown = count;
  }

  /** The row and the column at which an event happens, or null. */
  locate(event) {
    if (this.isTable) {
      const index = this.cells.indexOf(event.target.closest("td"));
      return index < 0 ? null : [Math.floor(index / this.columns), index % this.columns];
    }
    const box = this.surface.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top) / box.height * this.rows);
    const column = Math.floor((event.clientX - box.left) / box.width * this.columns);
    return row >= 0 && row < this.rows && column >= 0 && column < this.columns ? [row, column] : null;
  }
}
