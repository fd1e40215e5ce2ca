import { describe, expect, it } from '@jest/globals';
import { createKeyring, logRedaction, query, redactKeys } from 'keystile';

const { redactKeys: redactOwn } = logRedaction(createKeyring({ prefix: 'awx', formats: ['{prefix}_{env}_{id}_{secret}{checksum}', '{tenant}_{secret:hex:64}', 'v2.{id}.{secret:base64url:43}'] }), { credentials: query('k'), names: ['x'] });

/** Pieces whose repetition keeps each rule busy: beginnings without an end, and ends without a beginning. */
const HOSTILE = [
  'a', 'aB', '_', 'a_', '0', '0_', '-', '.', ' ', '"', '\\', '\\u00', '\\\\"', '%', '%2', '%25', '%2525', 'eyJ', 'eyJaaaaaaaa.', '.eyJ', 'Bearer ', 'bearer',
  'authorization', 'authorization:', 'authorization: ', 'api_key', 'api_key=', 'api_key="', 'api_key\': [ ', 'api_key[', 'x-api-key":\n', 'authorization: x ', 'authorization: [redacted] ', 'authorization: ="a', 'authorization: "\\"', 'authorization: a=\\"b\\\\"', '="a1\\', '\\n', '.eyJaaaaaaaa', 'eyJ-', '\x1b[', '\x1b[3', '0f3a9b27', '?k=', '&k', 'x:', 'awx_', 'awx_live_', 'awx_live_a1B2', 'v2.', 'v2.a.',
  'a1B2c3D4e5F6', `t_${'a'.repeat(63)}`, `_${'0'.repeat(64)}`, 'awx_live_w469LPQsy0pq_NVCZJrRHqxEVZjMPtK33hCcVc6J2hweGo',
] as const;

/** Through a buffer: repeated text is put together only when it is first read, which is not to be measured. */
const filled = (piece: string, length: number): string => Buffer.from(piece.repeat(Math.ceil(length / piece.length))).toString();

/** Milliseconds of this process's own work, which other programs do not lengthen; the least of some runs, because only garbage adds to it. */
function fastest(run: () => unknown, times: number): number {
  return Math.min(...Array.from({ length: times }, () => {
    const start = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1_000;
  }));
}

describe.each([['redactKeys', redactKeys], ['logRedaction', redactOwn]])('%s', (_name, redact) => {
  /**
   * Whether a longer text takes at most `most` times the time of a shorter one. Below a millisecond it is what the engine does beside that is
   * measured (compiling, collecting garbage); what grows by the square of a quarter of a megabyte takes a hundred times as long.
   */
  const grows = (piece: string, from: number, to: number, most: number): boolean => {
    const [short, long] = [filled(piece, from), filled(piece, to)];
    return [1, 3, 9].some((runs) => fastest(() => redact(long), runs) / Math.max(fastest(() => redact(short), 3), 1) < most);
  };

  it.each(HOSTILE)('reads a quarter of a megabyte of %j in proportion to its length', (piece) => {
    // In proportion to the length 8 and 16 times as much, squared 64 and 256 times; the first to fail within the time of a test.
    expect(grows(piece, 5_000, 40_000, 40)).toBe(true);
    expect(grows(piece, 15_625, 250_000, 80)).toBe(true);
  });
});
