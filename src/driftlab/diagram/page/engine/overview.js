// Overviews: what is known of a long run before its events are there.
//
// How many events each lane has in columns of its time, from `driftlab.diagram.overview`. It gives
// tiles of the axis of time, in which a column's events are spread evenly over its width, and
// answers nothing else.

import { decodeContainer } from "./decode.js";
import { Raster } from "./raster.js";
import { drawBands } from "./tile.js";
import { isShown } from "./view.js";

export class Overview {
  /** @param {import("./decode.js").Container} container */
  constructor({ header, columns }) {
    const counts = columns.get("counts");
    const lanes = header.lanes.length;
    if (!counts || !lanes || counts.length % lanes) throw new Error("the overview has no counts");
    this.header = header;
    this.begin = Number(header.overview[0]);
    this.end = Number(header.overview[1]);
    this.columns = counts.length / lanes;
    /** How many events of a lane lie before each column, lane after lane. */
    this.sums = new Float64Array(lanes * (this.columns + 1));
    for (let lane = 0; lane < lanes; lane++) {
      const at = lane * (this.columns + 1);
      for (let column = 0; column < this.columns; column++) {
        this.sums[at + column + 1] = this.sums[at + column] + counts[lane * this.columns + column];
      }
    }
  }

  /**
   * Return how many events of a lane lie before some places at equal distances.
   * @param {number} lane
   * @param {number} begin the first place
   * @param {number} end the last place
   * @param {number} columns between the places
   * @returns {Float64Array} columns + 1 numbers
   */
  edges(lane, begin, end, columns) {
    const out = new Float64Array(columns + 1);
    const at = lane * (this.columns + 1);
    const scale = this.end > this.begin ? this.columns / (this.end - this.begin) : 0;
    for (let column = 0; column <= columns; column++) {
      const place = begin + ((end - begin) * column) / columns;
      if (!scale) {
        out[column] = place > this.begin ? this.sums[at + this.columns] : 0;
        continue;
      }
      const x = Math.max(0, Math.min(this.columns, (place - this.begin) * scale));
      const before = Math.min(this.columns - 1, Math.floor(x));
      const known = this.sums[at + before];
      out[column] = known + (x - before) * (this.sums[at + before + 1] - known);
    }
    return out;
  }
}

/**
 * Return the overview that a container holds, null if it holds a diagram.
 * @param {ArrayBuffer} buffer
 * @returns {Overview | null}
 */
export function overviewIn(buffer) {
  const container = decodeContainer(buffer);
  return container.header.overview ? new Overview(container) : null;
}

/**
 * Return what the page has to know of a run, as far as an overview says it.
 * @param {Overview} overview
 */
export function overviewSummary({ header, begin, end }) {
  const { lanes, events } = header;
  return {
    header,
    starts: Int32Array.from([...lanes.map((lane) => lane.start), events]),
    ends: Int32Array.from(lanes, (lane) => lane.end),
    version: 0,
    events,
    messages: 0,
    extents: { time: [begin, end] },
  };
}

/**
 * Return a tile of counts.
 * @param {Overview} overview
 * @param {import("./view.js").View} view of the axis of time
 * @returns {import("./tile.js").Tile}
 */
export function overviewTile(overview, view) {
  const { header, begin, end } = overview;
  const raster = new Raster(view.width, view.height, view.theme ?? "light");
  const edges = Array.from(view.laneOrder, (lane, place) =>
    isShown(view, place) ? overview.edges(lane, view.begin, view.end, view.width) : null,
  );
  drawBands(raster, header.lanes, header.events, { begin, end }, { ...view, colourBy: "rate" }, edges);
  return { level: "counts", image: raster.image };
}
