import assert from 'node:assert/strict';
import type { Awaitable, KeyStore } from '../core/ports.js';
import type { KeyRecord } from '../core/record.js';

/** One store under test, empty, and how to be rid of it. */
export interface StoreUnderTest {
  readonly store: KeyStore;
  close?(): Awaitable<void>;
}

/** Gives a test a store of its own and closes it whatever happens. */
export type WithStore = (test: (store: KeyStore) => Promise<void>) => () => Promise<void>;

/** A record with nothing but the fields that every record has. */
export function plainRecord(id: string, fields: Partial<KeyRecord> = {}): KeyRecord {
  return { id, version: 1, hash: `sha256:hash-of-${id}`, masked: 'awx_...x4f2', name: `Key ${id}`, environment: 'live', scopes: [], createdAt: 1_000, updatedAt: 1_000, ...fields };
}

/** Texts that break what quotes, escapes or encodes them by hand. NUL is left out: PostgreSQL cannot keep it. */
export const HARD_TEXT = `'"\`\\ %_*?[](){}$1 ; -- /* \u{1f511}\u{1f469}\u200d\u{1f4bb} éİı\u202e\u2028 \r\n\t null`;

/** A record with every field, and values that are easily lost on the way through a database. */
export function fullRecord(id: string): KeyRecord {
  return {
    ...plainRecord(id),
    hash: `bcrypt:$2b$10$${'./'.repeat(26)}A`,
    name: HARD_TEXT,
    environment: 'test',
    tenantId: HARD_TEXT,
    owner: { type: 'service', id: HARD_TEXT },
    scopes: ['orders:read', 'orders:*'],
    plan: 'starter',
    limits: [
      { kind: 'window', name: 'minute', limit: 1_000_000_000, windowMs: 31_622_400_000, per: 'tenant' },
      { kind: 'concurrency', name: 'concurrency', limit: 0, per: 'key' },
    ],
    access: { endpoints: { allow: ['GET /orders/:id', '/reports/*rest'] }, ips: { allow: [], deny: ['2001:db8::/32'] }, origins: ['*.example.com'], realtime: false },
    metadata: {
      long: 'ä"\\'.repeat(2_500),
      [HARD_TEXT]: HARD_TEXT,
      numbers: [0, -1, 0.1, 1e300, 9_007_199_254_740_991],
      nested: { empty: {}, list: [[], [null, true, false, '']], constructor: 'x', toString: 'y', 'a.b': { $gt: 1 } },
    },
    tags: ['', HARD_TEXT, 'a,b', '[]'],
    createdAt: 1_763_780_400_123,
    updatedAt: 8_640_000_000_000_000,
    notBefore: 0,
    expiresAt: 4_102_444_800_001,
    disabledAt: 1,
    revokedAt: 2_147_483_648,
    revokedReason: HARD_TEXT,
    revokedBy: HARD_TEXT,
    graceExpiresAt: 4_294_967_296,
    replacedBy: 'next',
    rotatedFrom: 'previous',
    slot: 'secondary',
    lastUsedAt: 1_763_780_400_124,
    lastUsedIp: '2001:db8::1',
  };
}

/** JSON text with sorted names. `undefined` fields count as absent; prototypes and frozenness do not count. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return value === undefined ? 'undefined' : JSON.stringify(value);
  const fields = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return `{${fields.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`).join(',')}}`;
}

/** Fails, saying what was expected, unless both are the same JSON. */
export function same(actual: unknown, expected: unknown, promise: string): void {
  const [received, wanted] = [canonical(actual), canonical(expected)];
  assert.ok(received === wanted, `${promise}\n  expected: ${wanted}\n  received: ${received}`);
}

/** Fails unless a look-up or an update found nothing. */
export function absent(actual: unknown, promise: string): void {
  assert.ok(actual === undefined || actual === null, `${promise}\n  expected: undefined or null\n  received: ${canonical(actual)}`);
}

/** Tries to change a value through and through, as careless callers do; frozen values are left as they are. */
export function scribble(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const inner of Object.values(value)) scribble(inner);
  for (const name of [...Object.keys(value), 'scribbled']) Reflect.set(value, name, 'scribbled');
}

/** Every record of a query, page by page; fails when the pages do not come to an end. */
export async function walk(store: KeyStore, query: Parameters<KeyStore['list']>[0]): Promise<{ readonly ids: string[]; readonly pages: number }> {
  const ids: string[] = [];
  let cursor: string | undefined;
  for (let pages = 1; ; pages++) {
    const page = await store.list(cursor === undefined ? query : { ...query, cursor });
    assert.ok(page.records.length <= query.limit, `list: a page has at most ${String(query.limit)} records, not ${String(page.records.length)}`);
    ids.push(...page.records.map((record) => record.id));
    if (page.nextCursor === undefined) return { ids, pages };
    cursor = page.nextCursor;
    assert.ok(pages < 1_000, 'list: paging comes to an end; nextCursor is absent on the last page');
  }
}
