import { setTimeout as sleep } from 'node:timers/promises';
import type { Member } from './peers/member.js';

/** How long who has answered a call may take to say hello, and how often that is looked at, ms. */
const [GREETING_MS, LOOK_MS] = [250, 5];

/**
 * Lets those who answered a call a moment ago say hello, for an end that ends: it says goodbye to whom it knows to understand that
 * (secure.md §7.2).
 * @param now of the clock that the members' machine has, ms
 */
export async function greeted(members: readonly Member[], now: () => number): Promise<void> {
  const until = performance.now() + GREETING_MS; // that clock may stand still
  const silent = ({ peer, up, upAt, called }: Member) =>
    up && called && peer.hello === undefined && now() < upAt + GREETING_MS;
  while (performance.now() < until && members.some(silent)) await sleep(LOOK_MS);
}
