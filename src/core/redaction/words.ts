/**
 * Telling random text from written text. A piece is what stands between separators; one that reads as a word, a name in camel
 * case or a short number is written, everything else is taken for random: no secret of 22 characters looks like that but once
 * in many thousands.
 */

const WRITTEN = /^(?:[A-Z]{1,20}|[A-Za-z]?[a-z]{0,19}(?:[A-Z][a-z]{1,19})*)\d{0,8}$/;

function isWritten(piece: string): boolean {
  if (!WRITTEN.test(piece)) return false;
  // Random letters may alternate by chance, but then every other one is a capital.
  return piece.length < 12 || /^[A-Z]+\d*$/.test(piece) || piece.replace(/[^A-Z]/g, '').length <= piece.length / 4;
}

/** Whether a text is made of written words alone, whatever separates them. */
export function isWordy(text: string): boolean {
  return text.split(/[^A-Za-z0-9]+/).every(isWritten);
}

/** How many characters of these pieces are random in all, and in the longest. */
export function randomness(pieces: readonly string[]): { readonly total: number; readonly longest: number } {
  const lengths = pieces.filter((piece) => !isWritten(piece)).map(({ length }) => length);
  return { total: lengths.reduce((sum, length) => sum + length, 0), longest: lengths.reduce((most, length) => Math.max(most, length), 0) };
}
