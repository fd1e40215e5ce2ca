import { describe, expect, it } from '@jest/globals';
import { createKeyring, logRedaction, query, redactKeys } from 'keystile';

const { redactKeys: redactOwn } = logRedaction(createKeyring({ prefix: 'awx', formats: ['{prefix}_{env}_{id}_{secret}{checksum}', '{tenant}_{secret:hex:64}', 'v2.{id}.{secret:base64url:43}'] }), { credentials: query('k'), names: ['x'] });

/** Pieces whose repetition keeps each rule busy: beginnings without an end, and ends without a beginning. */
const HOSTILE = [
  'a', 'aB', '_', 'a_', '0', '0_', '-', '.', ' ', '"', '\\', '\\u00', '\\\\"', '%', '%2', '%25', '%2525', 'eyJ', 'eyJaaaaaaaa.', '.eyJ', 'Bearer ', 'bearer',
  'authorization', 'authorization:', 'authorization: ', 'api_key', 'api_key=', 'api_key="', 'api_key\': [ ', 'api_key[', 'x-api-key":\n', '?k=', '&k', 'x:', 'awx_', 'awx_live_', 'awx_live_a1B2', 'v2.', 'v2.a.',
  'a1B2c3D4e5F6', `t_${'a'.repeat(63)}`, `_${'0'.repeat(64)}`, 'awx_live_w469LPQsy0pq_NVCZJrRHqxEVZjMPtK33hCcVc6J2hweGo',
] as const;

/** Through a buffer: repeated text is put together only when it is first read, which is not to be measured. */
const filled = (piece: string, length: number): string => Buffer.from(piece.repeat(Math.ceil(length / piece.length))).toString();

/** Milliseconds; the fastest of some runs, because what disturbs a run only makes it slower. */
function fastest(run: () => unknown, times: number): number {
  return Math.min(...Array.from({ length: times }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  }));
}

describe.each([['redactKeys', redactKeys], ['logRedaction', redactOwn]])('%s', (_name, redact) => {
  it.each(HOSTILE)('reads a quarter of a megabyte of %j in proportion to its length', (piece) => {
    const [short, long] = [filled(piece, 15_625), filled(piece, 250_000)];
    // 16 times as long: in proportion 16 times as much, squared 256 times. Another program may get in the way once, not thrice.
    const inProportion = (runs: number): boolean => fastest(() => redact(long), runs) / Math.max(fastest(() => redact(short), 3), 0.15) < 80;
    expect([1, 2, 3].some(inProportion)).toBe(true);
  }, 30_000);
});
