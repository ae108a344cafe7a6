// An order of lanes in which few arrows cross other lanes.
//
// Lanes that exchange many messages come close together: what is to be small is the sum over all
// messages of the lanes between their ends. Finding the least is hard (minimum linear arrangement),
// so barycentres give a start, and exchanges of neighbours improve it as long as they do.

import { Diagram } from "./diagram.js";
import { eachRange, senderLanes } from "./messages.js";

const BARYCENTRE_ROUNDS = 24;
const EXCHANGE_ROUNDS = 200;

/**
 * Return the lanes in an order in which few arrows cross others; the given one if none is better.
 * @param {Diagram} diagram
 * @returns {Int32Array}
 */
export function fewestCrossings(diagram) {
  const links = linksBetween(diagram);
  const lanes = diagram.lanes.length;
  const given = Array.from({ length: lanes }, (_, lane) => lane);
  let best = exchanged(given, links);
  let least = lengthOf(best, links);
  let order = given;
  for (let round = 0; round < BARYCENTRE_ROUNDS; round++) {
    order = byBarycentre(order, links);
    const tried = exchanged(order, links);
    const length = lengthOf(tried, links);
    if (length < least) [best, least] = [tried, length];
  }
  // The same picture upside down: keep the first lane of the log in the upper half.
  if (best.indexOf(0) > (lanes - 1) / 2) best.reverse();
  return Int32Array.from(best);
}

/**
 * Return how many messages each lane exchanges with each other, both directions together.
 * @param {Diagram} diagram
 * @returns {Map<number, number>[]}
 */
function linksBetween(diagram) {
  const senders = senderLanes(diagram);
  /** @type {Map<number, number>[]} */
  const links = diagram.lanes.map(() => new Map());
  const counted = new Int32Array(diagram.lanes.length);
  eachRange(diagram, (begin, end, lane) => {
    counted.fill(0);
    for (let message = begin; message < end; message++) counted[senders[message]]++;
    counted.forEach((count, sender) => {
      if (!count || sender === lane) return;
      links[lane].set(sender, (links[lane].get(sender) ?? 0) + count);
      links[sender].set(lane, (links[sender].get(lane) ?? 0) + count);
    });
  });
  return links;
}

/**
 * Return the sum over all messages of the distance of their lanes in an order.
 * @param {number[]} order
 * @param {Map<number, number>[]} links
 * @returns {number}
 */
function lengthOf(order, links) {
  const place = new Int32Array(order.length);
  order.forEach((lane, at) => (place[lane] = at));
  let sum = 0;
  links.forEach((others, lane) => {
    for (const [other, count] of others) sum += count * Math.abs(place[lane] - place[other]);
  });
  return sum / 2;
}

/**
 * @param {number[]} order
 * @param {Map<number, number>[]} links
 * @returns {number[]} by the mean place of those that each lane exchanges messages with
 */
function byBarycentre(order, links) {
  const place = new Float64Array(order.length);
  order.forEach((lane, at) => (place[lane] = at));
  const centre = order.map((_, lane) => {
    let weight = 1;
    let sum = place[lane];
    for (const [other, count] of links[lane]) {
      weight += count;
      sum += count * place[other];
    }
    return sum / weight;
  });
  return [...order].sort((one, other) => centre[one] - centre[other] || place[one] - place[other]);
}

/**
 * Return an order improved by exchanging neighbours, as long as that shortens it.
 * @param {number[]} order
 * @param {Map<number, number>[]} links
 * @returns {number[]}
 */
function exchanged(order, links) {
  const out = [...order];
  const place = new Int32Array(out.length);
  out.forEach((lane, at) => (place[lane] = at));
  for (let round = 0, changed = true; changed && round < EXCHANGE_ROUNDS; round++) {
    changed = false;
    for (let at = 0; at + 1 < out.length; at++) {
      const [upper, lower] = [out[at], out[at + 1]];
      if (pull(upper, lower, at, links, place) + pull(lower, upper, at + 1, links, place) >= 0) continue;
      [out[at], out[at + 1]] = [lower, upper];
      place[lower] = at;
      place[upper] = at + 1;
      changed = true;
    }
  }
  return out;
}

/**
 * Return how much longer a lane's messages become when it takes its neighbour's place.
 * @param {number} lane
 * @param {number} neighbour
 * @param {number} at place of the lane
 * @param {Map<number, number>[]} links
 * @param {Int32Array} place
 * @returns {number}
 */
function pull(lane, neighbour, at, links, place) {
  const to = place[neighbour];
  let change = 0;
  for (const [other, count] of links[lane]) {
    if (other !== neighbour) change += count * (Math.abs(to - place[other]) - Math.abs(at - place[other]));
  }
  return change;
}
