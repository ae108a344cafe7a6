// Pixels of dense tiles: bands of lanes, lines of messages, shades of crossings.
//
// Lines are added up in fields of one number a pixel, so ten thousand over one another are as
// cheap as ten thousand apart and every one counts. Steep lines have a field that is stored column
// after column; of those that stay in a column only the ends are noted. The ground stays transparent.

/** @typedef {[number, number, number]} Rgb */

const TONES = 16; // of one line: steps between a pixel that it just touches and one it fills
const COUNTED_LINES = 256; // through one pixel: of more the tone is that of as many
const UPRIGHT = 0.75; // px that a line may go aside to be taken as upright
const FAINTEST = 1e-4; // of a line: less is what rounding leaves
const INK = { light: /** @type {Rgb} */ ([68, 84, 106]), dark: /** @type {Rgb} */ ([172, 188, 208]) };
const DARK_LUMINANCE_MIN = 0.28; // darker lane colours are lightened on a dark ground

/**
 * Return the colour that a text like #0072B2 names.
 * @param {string} text
 * @param {"light" | "dark"} theme
 * @returns {Rgb}
 */
export function laneColour(text, theme) {
  const number = Number.parseInt(text.slice(1, 7), 16) || 0;
  /** @type {Rgb} */
  const rgb = [number >> 16, (number >> 8) & 255, number & 255];
  if (theme === "light") return rgb;
  const luminance = (0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]) / 255;
  const share = Math.max(0, (DARK_LUMINANCE_MIN - luminance) / (1 - luminance)) * 2;
  return /** @type {Rgb} */ (rgb.map((part) => Math.round(part + (255 - part) * Math.min(0.85, share))));
}

/** An image that is drawn into; red, green, blue and alpha of each pixel, not multiplied. */
export class Raster {
  /**
   * @param {number} width
   * @param {number} height
   * @param {"light" | "dark"} theme
   */
  constructor(width, height, theme) {
    this.width = width;
    this.height = height;
    this.ink = INK[theme];
    this.image = new Uint8ClampedArray(width * height * 4);
    this.pixels = new Uint32Array(this.image.buffer);
    /** @type {Float32Array | null} flat lines through each pixel, row after row */
    this.flat = null;
    /** @type {Float32Array | null} steep lines through each pixel, column after column */
    this.steep = null;
    /** @type {Float64Array | null} by how much upright lines rise from each pixel to the next below */
    this.upright = null;
  }

  /**
   * Fill a piece of a column, over what is there.
   * @param {number} x
   * @param {number} top
   * @param {number} bottom
   * @param {Rgb} colour
   * @param {number} alpha 0 to 1
   */
  column(x, top, bottom, [red, green, blue], alpha) {
    const begin = Math.max(0, Math.round(top));
    const end = Math.min(this.height, Math.max(Math.round(bottom), Math.round(top) + 1));
    const packed = ((Math.round(alpha * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    for (let y = begin, at = begin * this.width + x; y < end; y++, at += this.width) {
      if (this.pixels[at] === 0) this.pixels[at] = packed;
      else this.over(at, red, green, blue, alpha);
    }
  }

  /**
   * Put a colour over a pixel.
   * @param {number} at
   * @param {number} red
   * @param {number} green
   * @param {number} blue
   * @param {number} alpha
   */
  over(at, red, green, blue, alpha) {
    const { image } = this;
    const place = at * 4;
    const under = (image[place + 3] / 255) * (1 - alpha);
    const sum = alpha + under;
    if (sum <= 0) return;
    image[place] = (red * alpha + image[place] * under) / sum;
    image[place + 1] = (green * alpha + image[place + 1] * under) / sum;
    image[place + 2] = (blue * alpha + image[place + 2] * under) / sum;
    image[place + 3] = sum * 255;
  }

  /**
   * Add a line to the field of lines. Its ends may lie outside.
   * @param {number} x0
   * @param {number} y0
   * @param {number} x1
   * @param {number} y1
   */
  line(x0, y0, x1, y1) {
    const { width, height } = this;
    const across = Math.abs(x1 - x0);
    if (across > Math.abs(y1 - y0)) {
      this.flat ??= new Float32Array(width * height);
      addLine(this.flat, x0, y0, x1, y1, width, height, 1, width);
    } else if (across > UPRIGHT) {
      this.steep ??= new Float32Array(width * height);
      addLine(this.steep, y0, x0, y1, x1, height, width, 1, height);
    } else {
      this.upright ??= new Float64Array(width * (height + 1));
      addUpright(this.upright, (x0 + x1) / 2, Math.min(y0, y1), Math.max(y0, y1), width, height);
    }
  }

  /**
   * Return how many lines go through each pixel, row after row; null if there are none.
   * @returns {Float32Array | null}
   */
  lines() {
    const { width, height, steep, upright } = this;
    if (!steep && !upright) return this.flat;
    const lines = this.flat ?? new Float32Array(width * height);
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let y = 0, at = x; y < height; y++, at += width) {
        if (upright) sum += upright[x * (height + 1) + y];
        const count = steep ? sum + steep[x * height + y] : sum;
        if (count > FAINTEST) lines[at] += count;
      }
    }
    return lines;
  }

  /**
   * Put the lines over the image.
   * @param {number} alpha of one line; n over one another let (1 - alpha)^n through
   */
  flushLines(alpha) {
    const lines = this.lines();
    if (!lines) return;
    const { pixels } = this;
    const [red, green, blue] = this.ink;
    const colour = (blue << 16) | (green << 8) | red;
    const logThrough = Math.log(1 - alpha);
    const table = Float64Array.from(
      { length: COUNTED_LINES * TONES },
      (_, at) => 1 - Math.exp((logThrough * at) / TONES),
    );
    const packed = Uint32Array.from(table, (tone) => ((Math.round(tone * 255) << 24) | colour) >>> 0);
    for (let at = 0; at < lines.length; at++) {
      const count = lines[at];
      if (count <= 0) continue;
      const tone = (Math.min(count, COUNTED_LINES - 1) * TONES + 0.5) | 0;
      if (pixels[at] === 0) pixels[at] = packed[tone];
      else this.over(at, red, green, blue, table[tone]);
    }
    this.flat = this.steep = this.upright = null;
  }
}

/**
 * Add a line whose first coordinate is the longer one, split between two pixels of the other.
 * @param {Float32Array} field
 * @param {number} a0
 * @param {number} b0
 * @param {number} a1
 * @param {number} b1
 * @param {number} aSize pixels along the first coordinate
 * @param {number} bSize pixels along the second
 * @param {number} aStride
 * @param {number} bStride
 */
function addLine(field, a0, b0, a1, b1, aSize, bSize, aStride, bStride) {
  if (a1 < a0) [a0, b0, a1, b1] = [a1, b1, a0, b0];
  const slope = a1 > a0 ? (b1 - b0) / (a1 - a0) : 0;
  const begin = Math.max(0, Math.floor(a0));
  const end = Math.min(aSize - 1, Math.max(Math.floor(a0), Math.ceil(a1) - 1));
  for (let a = begin; a <= end; a++) {
    const b = b0 + slope * (Math.min(a1, Math.max(a0, a + 0.5)) - a0) - 0.5;
    const low = Math.floor(b);
    const share = b - low;
    const at = a * aStride + low * bStride;
    if (low >= 0 && low < bSize) field[at] += 1 - share;
    if (low + 1 >= 0 && low + 1 < bSize) field[at + bStride] += share;
  }
}

/**
 * Add an upright line, split between two columns.
 * @param {Float64Array} steps
 * @param {number} x
 * @param {number} top
 * @param {number} bottom
 * @param {number} width
 * @param {number} height
 */
function addUpright(steps, x, top, bottom, width, height) {
  const begin = Math.max(0, Math.floor(top));
  const end = Math.min(height, Math.max(Math.floor(top) + 1, Math.ceil(bottom)));
  if (begin >= end) return;
  const low = Math.floor(x - 0.5);
  const share = x - 0.5 - low;
  const at = low * (height + 1);
  if (low >= 0 && low < width) {
    steps[at + begin] += 1 - share;
    steps[at + end] -= 1 - share;
  }
  if (low + 1 >= 0 && low + 1 < width) {
    steps[at + height + 1 + begin] += share;
    steps[at + height + 1 + end] -= share;
  }
}
