import { bodyOf, type KeyFormat } from '../format/key-format.js';
import type { Rule } from './spans.js';
import { randomness } from './words.js';

/** What is taken for random without a further look, as by `likelyKeys`. */
const SURELY = 22;
/** How much of a shorter one has to be random. */
const ENOUGH = 12;
/** A wrong letter or two do not make a key something else. */
const MISTYPED = 2;
const KINDS = [/[a-z]/, /[A-Z]/, /\d/] as const;

/** An alphabet, as in a class of characters, and how many of it. */
interface Part {
  readonly alphabet: string;
  readonly length: number;
}

/**
 * Larger pieces of the secrets of a format without a prefix: mistyped, cut off, or of a length that is no longer made. Nothing
 * but its alphabet tells such a piece, so it has to be longer than half a secret, and longer than the id of a key, which a log is to
 * show. A number is none: JSON would break.
 */
export function bareSecrets(format: KeyFormat): Rule {
  const secret = partOf(format, 'secret');
  if (secret === undefined) return () => [];
  const { alphabet, length } = secret;
  const least = Math.max(Math.floor(length / 2), partOf(format, 'id')?.length ?? 0) + 1;
  const runs = new RegExp(`[A-Za-z0-9${alphabet.includes('_') ? '_-' : ''}]{${String(least)},}`, 'g');
  const stretch = new RegExp(`[${alphabet}]{${String(least)},}`);
  const foreign = new RegExp(`[^${alphabet}]`, 'g');
  const kinds = KINDS.filter((kind) => kind.test(alphabet));
  const isPiece = (run: string): boolean => {
    if (!/[A-Za-z]/.test(run) || (!stretch.test(run) && (run.match(foreign)?.length ?? 0) > MISTYPED)) return false;
    const { total, longest } = randomness(run.split(/[_-]/));
    return longest >= SURELY || (total >= ENOUGH && kinds.every((kind) => kind.test(run)));
  };
  return (text) => [...text.matchAll(runs)].flatMap(({ index, 0: run }) => (isPiece(run) ? [{ start: index, end: index + run.length, stub: format.mask(run) }] : []));
}

/** The pattern has a class of characters for each of these placeholders, in the order of the template. */
function partOf(format: KeyFormat, wanted: string): Part | undefined {
  const at = [...format.template.matchAll(/\{(tenant|id|secret|checksum)\b/g)].findIndex(([, kind]) => kind === wanted);
  const [, alphabet, length] = [...bodyOf(format).matchAll(/\[([^\]]+)\]\{(?:\d+,)?(\d+)\}/g)][at] ?? [];
  return alphabet === undefined ? undefined : { alphabet, length: Number(length) };
}
