/** A stretch of a text that must not be shown, and what is shown in its place. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly stub: string;
}

/** Finds what must not be shown. A rule may be asked for any text, takes time in proportion to it, and never throws. */
export type Rule = (text: string) => readonly Span[];

/** Takes the credentials out of a text. Redacting twice changes nothing more. */
export type Redact = (text: string) => string;

/** Stands for a credential of which nothing can be shown. */
export const HIDDEN = '[redacted]';

const STUB = String.raw`^(?:\[redacted\]|[A-Za-z0-9]{0,64}[_.-]?\.\.\.[\w.-]{0,4})`;
const WHOLE = new RegExp(`${STUB}$`);
const AT_START = new RegExp(`${STUB}(?![\\w-])`);

/** Whether a text is nothing but a mask or `[redacted]`. */
export const isStub = (text: string): boolean => WHOLE.test(text);

/** Whether a value has been redacted already: taken for a credential again, a text would change with every pass. */
export const isRedacted = (text: string): boolean => AT_START.test(text);

/** The text with each span replaced. Overlapping spans become one, with the most telling of their stubs. */
export function replaceSpans(text: string, spans: readonly Span[]): string {
  const sorted = [...spans].sort((a, b) => a.start - b.start);
  let shown = '';
  let done = 0;
  for (let index = 0; index < sorted.length; ) {
    const { start } = sorted[index] as Span;
    let { end, stub } = sorted[index] as Span;
    for (index++; index < sorted.length; index++) {
      const next = sorted[index] as Span;
      if (next.start >= end) break;
      end = Math.max(end, next.end);
      if (stub === HIDDEN) ({ stub } = next);
    }
    shown += text.slice(done, start) + stub;
    done = end;
  }
  return shown + text.slice(done);
}
