import { inColour } from './colours.js';
import type { Rule, Span } from './spans.js';
import { randomness } from './words.js';

/** The shortest secret that a format may have: 128 bits in base62. */
const SHORTEST = 22;
/** How much of a broken one has to be random: its short pieces may look like words. */
const ENOUGH = 12;
const CANDIDATE = /[A-Za-z0-9_-]{24,}/g;

/**
 * What looks like a key of some brand, for whoever does not know the formats: a name, a separator, and then at least 22 random
 * characters. They are unbroken but in base64url, which has capitals, small letters and digits; a UUID or the name of a container
 * has not, and names of functions have no digits.
 */
export const likelyKeys: Rule = (text) => {
  const found: Span[] = [];
  for (const { index, 0: word } of text.matchAll(CANDIDATE)) {
    const end = index + word.length;
    // A counter, a time or a dash may stand before the name.
    const run = word.slice(frontOf(text, index, word)).replace(/^[^A-Za-z]+/, '');
    const pieces = run.split(/[_-]/).slice(1);
    const { total, longest } = randomness(pieces);
    const broken = total >= ENOUGH && [/[a-z]/, /[A-Z]/, /\d/].every((kind) => kind.test(run));
    if (longest >= SHORTEST || broken) found.push({ start: end - run.length, end, stub: masked(run) });
  }
  return found;
};

/** How much of a word ends what stands before it: a terminal's colour (`ESC[32m`) or a percent escape. */
function frontOf(text: string, index: number, word: string): number {
  if (text.charAt(index - 1) === '%') return /^(?:25)*[0-9A-Fa-f]{2}/.exec(word)?.[0].length ?? 0;
  return inColour(text, index) ? (/^\d{0,3}m/.exec(word)?.[0].length ?? 0) : 0;
}

/** As `KeyFormat.mask` shows it; what is no plain brand may be a part of the secret and is left out. */
const masked = (run: string): string => `${/^[a-z][a-z0-9]{1,11}_/.exec(run)?.[0] ?? ''}...${run.slice(-4)}`;
