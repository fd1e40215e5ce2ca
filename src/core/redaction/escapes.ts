/** A text as whoever unpacks it will read it. */
export interface Unescaped {
  readonly text: string;
  /** Where a character of `text` stands in the text it was made from; its length leads to that one's end. */
  origin(index: number): number;
  /** Where the escape begins in whose middle a place of the original lies; any other place is its own. */
  before(place: number): number;
}

/**
 * Percent-encoding, however often it was applied (`%255F`), and the escapes of JSON, however deeply nested (`\\\"`). Only the
 * first of several backslashes begins a match, so that a long row of them is read once.
 */
const ESCAPE = /%(?:25)*([0-9A-F]{2})|(?<!\\)\\+(?:u00([0-9A-F]{2})|([nrtbf"'/]))/gi;

/** `undefined` for a text without escapes. A byte becomes one character: no key and no name of a field has any beyond ASCII. */
export function unescaped(text: string): Unescaped | undefined {
  if (!text.includes('%') && !text.includes('\\')) return undefined;
  const origins = new Uint32Array(text.length + 1);
  let plain = '';
  let done = 0;
  const copy = (end: number): void => {
    for (let index = done, to = plain.length; index < end; index++, to++) origins[to] = index;
    plain += text.slice(done, end);
  };
  for (const match of text.matchAll(ESCAPE)) {
    const [whole, percent, code = percent, letter = ''] = match;
    copy(match.index);
    origins[plain.length] = match.index;
    plain += code === undefined ? (/[nrtbf]/i.test(letter) ? '\n' : letter) : String.fromCharCode(Number.parseInt(code, 16));
    done = match.index + whole.length;
  }
  if (done === 0) return undefined;
  copy(text.length);
  origins[plain.length] = text.length;
  return { text: plain, origin: (index) => origins[index] ?? text.length, before: (place) => lastUpTo(origins.subarray(0, plain.length + 1), place) };
}

/** The greatest of ascending numbers, from 0 on, that is not above the limit. */
function lastUpTo(numbers: Uint32Array, limit: number): number {
  let [low, high] = [0, numbers.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((numbers[middle] ?? 0) <= limit) low = middle;
    else high = middle - 1;
  }
  return numbers[low] ?? 0;
}
