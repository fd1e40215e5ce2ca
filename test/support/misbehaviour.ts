import { inspect } from 'node:util';

/** What an error of a store, limiter or callback may say, and a client must never read. */
export const INSIDE = 'inside: host db-7, user root';

/** Ways in which a function of somebody else's fails, instead of answering. */
export const failing: readonly (readonly [how: string, fail: () => never])[] = [
  ['throws', () => { throw new Error(INSIDE); }],
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- libraries do
  ['throws a string', () => { throw INSIDE as never; }],
  ['throws nothing', () => { throw undefined as unknown as Error; }],
  ['rejects', () => Promise.reject(new Error(INSIDE)) as never],
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- libraries do
  ['rejects without a reason', () => Promise.reject(undefined) as never],
  ['rejects later', () => new Promise((_resolve, reject) => setImmediate(() => { reject(new Error(INSIDE)); })) as never],
  ['never answers', () => new Promise(() => undefined) as never],
  ['answers with a broken promise', () => ({ get then(): never { throw new Error(INSIDE); } }) as never],
  ['answers with a promise that throws', () => ({ then: () => { throw new Error(INSIDE); } }) as never],
];

/** The same answers, at once and later. */
export function answering(values: readonly unknown[]): readonly (readonly [how: string, answer: () => never])[] {
  return values.flatMap((value) => [
    [`answers ${inspect(value)}`, () => value as never] as const,
    [`answers ${inspect(value)} later`, () => Promise.resolve(value) as never] as const,
  ]);
}

/** Real time, but little of it. */
export const SHORT = { storeMs: 15, limiterMs: 15 } as const;
