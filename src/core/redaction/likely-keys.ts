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
  for (const match of text.matchAll(CANDIDATE)) {
    const [run] = match;
    const [brand = '', ...pieces] = run.split(/[_-]/);
    if (!/^[A-Za-z]/.test(brand)) continue;
    const { total, longest } = randomness(pieces);
    const broken = total >= ENOUGH && [/[a-z]/, /[A-Z]/, /\d/].every((kind) => kind.test(run));
    if (longest >= SHORTEST || broken) found.push({ start: match.index, end: match.index + run.length, stub: masked(run) });
  }
  return found;
};

/** As `KeyFormat.mask` shows it; what is no plain brand may be a part of the secret and is left out. */
const masked = (run: string): string => `${/^[a-z][a-z0-9]{1,11}_/.exec(run)?.[0] ?? ''}...${run.slice(-4)}`;
