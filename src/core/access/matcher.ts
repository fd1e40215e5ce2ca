import type { Token } from 'path-to-regexp';

const DOT = 46;
const SLASH = 47;

/** One thing a path must have next. */
export type Step =
  | { readonly kind: 'text'; readonly text: string }
  /** One or more characters of a segment. */
  | { readonly kind: 'param' }
  /** One or more characters of any kind. */
  | { readonly kind: 'wildcard' }
  /** Where one router may hand over to another: see {@link looseSteps}. */
  | { readonly kind: 'border' }
  | { readonly kind: 'group'; readonly steps: readonly Step[] };

/** Work that is left for one request. A step on a place of the path costs one. */
export interface Effort {
  left: number;
}

/** Steps of a pattern as Express reads it. */
export function exactSteps(tokens: readonly Token[]): Step[] {
  return tokens.map((token) => {
    if (token.type === 'text') return { kind: 'text', text: token.value };
    if (token.type === 'group') return { kind: 'group', steps: exactSteps(token.tokens) };
    return { kind: token.type };
  });
}

/**
 * Steps of a pattern in which every slash after the first is a border. Connect hands `/orders.1` to a mount at `/orders`
 * as `/.1`, and `/api./admin` to one at `/api` as `/./admin`, which a file server reads as `/admin`: a border is any run
 * of dots and slashes, or the place before a dot.
 */
export function looseSteps(steps: readonly Step[], isFirst = true): Step[] {
  return steps.flatMap((step, index): Step[] => {
    if (step.kind === 'group') return [{ kind: 'group', steps: looseSteps(step.steps, false) }];
    if (step.kind !== 'text') return [step];
    const kept = isFirst && index === 0 ? '/' : '';
    const parts = step.text.slice(kept.length).split('/');
    return parts.flatMap((part, at): Step[] => {
      const text = at === 0 ? kept + part : part;
      return [...(at === 0 ? [] : [{ kind: 'border' } as const]), ...(text === '' ? [] : [{ kind: 'text', text } as const])];
    });
  });
}

/**
 * Every place at which the steps may end when they begin at one of `from`, in rising order; none once the effort is
 * spent. Follows all readings of the pattern side by side instead of trying one after the other, so its work is at most
 * steps × places, whatever pattern and path somebody makes up. A regular expression could not promise that.
 */
export function endsOf(steps: readonly Step[], path: string, from: readonly number[], effort: Effort): readonly number[] {
  let places = from;
  for (const step of steps) {
    if (places.length === 0 || effort.left < 0) return [];
    places = take(step, path, places, effort);
    effort.left -= places.length + 1;
  }
  return places;
}

function take(step: Step, path: string, places: readonly number[], effort: Effort): readonly number[] {
  switch (step.kind) {
    case 'text':
      return textEnds(step.text, path, places, effort);
    case 'group': {
      const skipped = new Set([...places, ...endsOf(step.steps, path, places, effort)]);
      effort.left -= skipped.size * 4;
      return [...skipped].sort((a, b) => a - b);
    }
    default:
      return run(step.kind, path, places);
  }
}

/** Behind the text, where it stands at one of the places. The engine's own search skips most places unseen. */
function textEnds(text: string, path: string, places: readonly number[], effort: Effort): number[] {
  const [first = 0] = places;
  if (places.length === 1) return path.startsWith(text, first) ? [first + text.length] : [];
  const reached: number[] = [];
  let index = 0;
  for (let found = path.indexOf(text, first); found >= 0; found = path.indexOf(text, found + 1)) {
    effort.left -= 2 + (text.length >>> 3);
    while ((places[index] ?? Infinity) < found) index++;
    if (index === places.length) break;
    if (places[index] === found) reached.push(found + text.length);
  }
  return reached;
}

/** The places after one or more characters that fit, from any of the given places. A border may also be nothing, before a dot. */
function run(kind: 'param' | 'wildcard' | 'border', path: string, places: readonly number[]): number[] {
  const reached: number[] = [];
  let next = 0;
  for (const place of places) {
    if (next <= place) {
      if (kind === 'border' && path.charCodeAt(place) === DOT && reached.at(-1) !== place) reached.push(place);
      next = place + 1;
    }
    while (next <= path.length && fits(kind, path.charCodeAt(next - 1))) reached.push(next++);
  }
  return reached;
}

function fits(kind: 'param' | 'wildcard' | 'border', code: number): boolean {
  if (kind === 'param') return code !== SLASH;
  return kind === 'wildcard' || code === SLASH || code === DOT;
}
