// Containers: the columns of a diagram as Python's `driftlab.diagram.encoding` writes them.
//
// Eight bytes of magic, the length of a JSON header, the header, and the bytes of the columns,
// each starting at a multiple of eight. A raw column is an array of little-endian numbers and is
// not copied. A delta column holds first differences, zigzag, LEB128; of floats one more, as 0 is NaN,
// which leaves the number before as it is.

/**
 * @typedef {Uint8Array | Int32Array | Float32Array | Float64Array} Column
 * @typedef {{name: string, colour: string, dash: number[], start: number, end: number,
 *   rate: number | null, offset: {at0_ns: number, at1_ns: number} | null}} Lane
 * @typedef {{name: string, type: "u1" | "i4" | "f4" | "f8", count: number,
 *   encoding: "raw" | "delta", offset: number, length: number}} ColumnEntry
 * @typedef {{title?: string, events: number, messages: number, lanes: Lane[], columns: ColumnEntry[],
 *   peers?: number[][] | null, sets?: number[][], live?: boolean,
 *   lane_rows?: [number, number, number][], [key: string]: any}} Header
 * @typedef {{header: Header, columns: Map<string, Column>}} Container
 */

const MAGIC = "DRIFTLD1";
const COLUMN_TYPES = { u1: Uint8Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };
const EXACT_BYTES = 7; // of a LEB128 number that a double holds exactly

/** What is wrong with the bytes of a container. */
export class DecodeError extends Error {}

/**
 * Return the header and the columns of a container. Raw columns are views into the buffer.
 * @param {ArrayBuffer} buffer
 * @returns {Container}
 */
export function decodeContainer(buffer) {
  const bytes = new Uint8Array(buffer);
  if (bytes.length < 12 || latin1(bytes.subarray(0, 8)) !== MAGIC) {
    throw new DecodeError("these are not the data of a diagram");
  }
  const headerEnd = 12 + new DataView(buffer).getUint32(8, true);
  if (headerEnd > bytes.length) throw new DecodeError("the data are cut in the middle of the header");
  /** @type {Header} */
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(12, headerEnd)));
  const first = Math.ceil(headerEnd / 8) * 8;
  /** @type {Map<string, Column>} */
  const columns = new Map();
  for (const entry of header.columns) columns.set(entry.name, decodeColumn(buffer, first, entry));
  return { header, columns };
}

/**
 * @param {Uint8Array} bytes
 * @returns {string}
 */
function latin1(bytes) {
  return String.fromCharCode(...bytes);
}

/**
 * @param {ArrayBuffer} buffer
 * @param {number} first where the bytes of the columns begin
 * @param {ColumnEntry} entry
 * @returns {Column}
 */
function decodeColumn(buffer, first, entry) {
  const type = COLUMN_TYPES[entry.type];
  const begin = first + entry.offset;
  if (!type) throw new DecodeError(`column ${entry.name} has the unknown type ${entry.type}`);
  if (begin + entry.length > buffer.byteLength) {
    throw new DecodeError(
      `the data are cut: column ${entry.name} ends at byte ${begin + entry.length}` +
        ` of ${buffer.byteLength}`,
    );
  }
  if (entry.encoding === "delta") {
    const bytes = new Uint8Array(buffer, begin, entry.length);
    const values = new type(entry.count);
    if (values instanceof Float64Array || values instanceof Float32Array)
      decodeFloats(bytes, values, entry.name);
    else decodeIntegers(bytes, values, entry.name);
    return values;
  }
  if (entry.encoding !== "raw") {
    throw new DecodeError(`column ${entry.name} has the unknown encoding ${entry.encoding}`);
  }
  if (entry.length !== entry.count * type.BYTES_PER_ELEMENT) {
    throw new DecodeError(`column ${entry.name} has ${entry.length} bytes for ${entry.count} values`);
  }
  if (begin % type.BYTES_PER_ELEMENT) return new type(buffer.slice(begin, begin + entry.length));
  return new type(buffer, begin, entry.count);
}

/**
 * @param {Uint8Array} bytes
 * @param {Uint8Array | Int32Array} values are written
 * @param {string} name of the column
 */
function decodeIntegers(bytes, values, name) {
  const count = values.length;
  let at = 0;
  let value = 0;
  for (let index = 0; index < count; index++) {
    let byte = bytes[at++];
    let code = byte & 127;
    let scale = 128;
    while (byte > 127) {
      byte = bytes[at++];
      code += (byte & 127) * scale;
      scale *= 128;
    }
    value += code % 2 ? -(code + 1) / 2 : code / 2;
    values[index] = value;
  }
  if (at !== bytes.length) throw new DecodeError(`column ${name} is damaged`);
}

/**
 * @param {Uint8Array} bytes
 * @param {Float64Array | Float32Array} values are written
 * @param {string} name of the column
 */
function decodeFloats(bytes, values, name) {
  const count = values.length;
  let at = 0;
  let value = 0; // always one of the column's own, so sums are exact
  for (let index = 0; index < count; index++) {
    const begin = at;
    let byte = bytes[at++];
    let code = byte & 127;
    let scale = 128;
    while (byte > 127) {
      byte = bytes[at++];
      code += (byte & 127) * scale;
      scale *= 128;
    }
    if (code === 0) {
      values[index] = NaN;
      continue;
    }
    if (at - begin > EXACT_BYTES) {
      value = Number(BigInt(value) + bigDifference(bytes, begin, at));
    } else {
      code--;
      value += code % 2 ? -(code + 1) / 2 : code / 2;
    }
    values[index] = value;
  }
  if (at !== bytes.length) throw new DecodeError(`column ${name} is damaged`);
}

/**
 * Return the difference that a number of a column of floats stands for.
 * @param {Uint8Array} bytes
 * @param {number} begin
 * @param {number} end
 * @returns {bigint}
 */
function bigDifference(bytes, begin, end) {
  let code = -1n;
  let scale = 1n;
  for (let at = begin; at < end; at++, scale *= 128n) code += BigInt(bytes[at] & 127) * scale;
  return code & 1n ? -(code + 1n) / 2n : code / 2n;
}

/**
 * Return the bytes of a deflated (zlib format) container.
 * @param {Uint8Array} deflated
 * @returns {Promise<ArrayBuffer>}
 */
export async function inflate(deflated) {
  const stream = new Blob([/** @type {BlobPart} */ (deflated)])
    .stream()
    .pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/**
 * Return the bytes that base64 text stands for.
 * @param {string} text
 * @returns {Uint8Array}
 */
export function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/**
 * Return the texts of a log, by row, from lines of JSON `[row, {column: text}]`.
 * @param {ArrayBuffer} buffer
 * @returns {Map<number, {[column: string]: string | null}>}
 */
export function decodeTexts(buffer) {
  const lines = new TextDecoder().decode(buffer).split("\n").filter(Boolean);
  return new Map(lines.map((line) => JSON.parse(line)));
}
