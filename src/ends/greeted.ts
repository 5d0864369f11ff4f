import { setTimeout as sleep } from 'node:timers/promises';
import type { Member } from './peers/member.js';

/** How long who has answered a call may take to say hello, and how often that is looked at, ms. */
const [GREETING_MS, LOOK_MS] = [250, 5];

/** Looks at least: while this process stood still, the hello may have come without being read. */
const LOOKS_LEAST = 4;

/**
 * Lets those who answered a call a moment ago say hello, for an end that ends: it says goodbye to whom it knows to understand that
 * (secure.md §7.2).
 * @param now of the clock that the members' machine has, ms
 */
export async function greeted(members: readonly Member[], now: () => number): Promise<void> {
  const silent = ({ peer, up, upAt, called }: Member, look: number) =>
    up && called && peer.hello === undefined && (look < LOOKS_LEAST || now() < upAt + GREETING_MS);
  // Looks are counted, since the members' clock may stand still.
  for (let look = 0; look * LOOK_MS < GREETING_MS; look++) {
    if (!members.some((member) => silent(member, look))) return;
    await sleep(LOOK_MS);
  }
}
