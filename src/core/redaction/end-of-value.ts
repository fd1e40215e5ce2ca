/** What is known of a value where it begins. */
export interface Surroundings {
  /** Whether backslashes stand as they were written. */
  readonly escaped: boolean;
  /** The quote it is in, with the backslashes in front of it. */
  readonly open: string | undefined;
  /** What stands in front of its name. */
  readonly before: string;
}

/** A quote, or an escaped line end that another line follows: `CORP\nick` is a name. Several backslashes are nested JSON. */
const STOP = /[\r\n]|(?<!\\)(?<slashes>\\*)(?<quote>["'`])|(?<!\\)\\+[nr](?=[\\\s"']|[A-Za-z][\w-]{0,63}:)/g;
/** What follows the quote that ends a text of JSON. */
const AFTER_TEXT = /^(?:$|[\s,:}\])"'\\])/;

/** Where the value of a header ends: at the quote that closes it, or with its line. */
export function endOfValue(text: string, from: number, { escaped, open, before }: Surroundings): number {
  // Of the quote around a parameter (`username="bob"`), how many backslashes stand in front.
  let parameter: number | undefined;
  const stop = new RegExp(STOP);
  stop.lastIndex = from;
  for (let match = stop.exec(text); match !== null; match = stop.exec(text)) {
    const { slashes, quote } = match.groups ?? {};
    if (slashes === undefined || quote === undefined) {
      if (open === undefined || match[0].length === 1) return match.index;
      continue;
    }
    const depth = depthOf(slashes);
    const at = match.index + slashes.length - depth;
    if (open === undefined ? quote !== '"' && quote === before : quote === open.at(-1) && depth === depthOf(open.slice(0, -1))) return at;
    if (quote !== '"') continue;
    if (open?.endsWith('"') === true) {
      // Less escaped than the quote at the beginning, it ends the text around the value, too.
      if (depth < open.length - 1) return at;
    } else if (depth === parameter) {
      parameter = undefined;
    } else {
      const opens = escaped && text.charAt(match.index - 1) === '=' && !AFTER_TEXT.test(text.charAt(at + depth + 1));
      if (parameter === undefined ? !opens : depth < parameter) return at;
      parameter ??= depth;
    }
  }
  return text.length;
}

/**
 * How many of the backslashes in front of a quote escape it: 0, 1, 3, 7 and so on, one level of JSON each. The others are
 * backslashes of the value, escaped themselves, so the lowest bits of the count that are set tell.
 */
const depthOf = ({ length }: string): number => (length ^ (length + 1)) >> 1;
