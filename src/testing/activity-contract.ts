import type { Activity, ActivityLog, ActivityQuery } from '../core/observing.js';
import type { Awaitable } from '../core/ports.js';
import type { TestRunner } from './runner.js';
import { HARD_TEXT, same, scribble } from './store-records.js';

/** An activity log, and how it is taken away after its test. */
export interface ActivityUnderTest {
  readonly log: ActivityLog;
  close?(): Awaitable<void>;
}

type WithLog = (test: (log: ActivityLog) => Promise<void>) => () => Promise<void>;

const plain = (at: number, more: Partial<Activity> = {}): Activity => ({ at, action: 'request', result: 'ok', keyId: 'a', ...more });
const full = (at: number): Activity => plain(at, { action: 'updated', result: 'version_conflict', tenantId: 't', by: 'ann@example.com', ip: '203.0.113.7', method: 'PATCH', path: '/v1/orders' });

/**
 * The promises of `ActivityLog` as tests. `make` is called for every test and gives an empty log; `close`, if there is one, is called
 * when the test is over.
 *
 * @example
 * ```ts
 * import { describe, it } from 'node:test';
 * import { memoryActivity } from 'keystile';
 * import { activityContract } from 'keystile/testing';
 *
 * activityContract({ describe, it }, () => ({ log: memoryActivity() }));
 * ```
 */
export function activityContract(runner: TestRunner, make: () => Awaitable<ActivityUnderTest>): void {
  const withLog: WithLog = (test) => async () => {
    const made = await make();
    try {
      await test(made.log);
    } finally {
      await made.close?.();
    }
  };
  runner.describe('activity contract', () => {
    keepingContract(runner, withLog);
    filterContract(runner, withLog);
    pagingContract(runner, withLog);
  });
}

const timesOf = async (log: ActivityLog, query: Partial<ActivityQuery> = {}): Promise<readonly number[]> => (await log.list({ limit: 500, ...query })).entries.map(({ at }) => at);

function keepingContract({ it }: TestRunner, withLog: WithLog): void {
  it('keeps entries exactly as they are, the newest first', withLog(async (log) => {
    same(await log.list({ limit: 10 }), { entries: [] }, 'a new log is empty');
    await log.append([plain(1), full(2)]);
    await log.append([]);
    await log.append([plain(3)]);
    same(await log.list({ limit: 10 }), { entries: [plain(3), full(2), plain(1)] }, 'fields that were not given are absent, not null');
  }));

  it('puts what comes late where it belongs, and of one moment the last written first', withLog(async (log) => {
    await log.append([plain(5), plain(9)]);
    await log.append([plain(7, { keyId: 'first' }), plain(7, { keyId: 'second' })]);
    same((await log.list({ limit: 10 })).entries.map(({ at, keyId }) => [at, keyId]), [[9, 'a'], [7, 'second'], [7, 'first'], [5, 'a']], 'newest first by the time of the entry');
  }));

  it('takes any text, and many entries at once', withLog(async (log) => {
    const hard = plain(1, { keyId: HARD_TEXT, tenantId: HARD_TEXT, by: HARD_TEXT, path: HARD_TEXT });
    await log.append([hard]);
    same((await log.list({ limit: 1, keyId: HARD_TEXT, tenantId: HARD_TEXT, by: HARD_TEXT })).entries, [hard], 'texts come back as they were');
    await log.append([plain(2, { path: '/\0\ud800', method: 'X'.repeat(1_000), ip: 'x'.repeat(100) })]);
    same((await log.list({ limit: 1 })).entries[0]?.at, 2, 'a text that cannot be kept as it is must not lose the entry');
    await log.append(Array.from({ length: 5_000 }, (_, index) => plain(10 + index)));
    same((await timesOf(log)).slice(0, 3), [5_009, 5_008, 5_007], 'thousands of entries are one call');
  }));

  it('gives entries that cannot be changed behind its back', withLog(async (log) => {
    const entry = { ...full(1) };
    await log.append([entry]);
    scribble(entry);
    scribble(await log.list({ limit: 1 }));
    same((await log.list({ limit: 1 })).entries, [full(1)], 'nothing changes an entry');
  }));
}

function filterContract({ it }: TestRunner, withLog: WithLog): void {
  it('lists what every filter lets through', withLog(async (log) => {
    const values = { keyId: ['a', 'A', 'b'], tenantId: ['t', 'T', undefined], by: ['ann', undefined], action: ['request', 'created', 'unusual'], result: ['ok', 'rate_limited'] } as const;
    const entries = Array.from({ length: 108 }, (_, index): Activity => {
      const pick = <T>(list: readonly T[], step: number): T => list[Math.floor(index / step) % list.length] as T;
      const [tenantId, by] = [pick(values.tenantId, 3), pick(values.by, 9)];
      return { at: 1_000 + index, keyId: pick(values.keyId, 1), action: pick(values.action, 18), result: pick(values.result, 54), ...(tenantId !== undefined && { tenantId }), ...(by !== undefined && { by }) };
    });
    await log.append(entries);
    const combinations = Object.entries(values).reduce<Partial<ActivityQuery>[]>(
      (all, [name, list]) => all.flatMap((query) => [query, ...[...list, 'nobody'].filter((value) => value !== undefined).map((value) => ({ ...query, [name]: value }))]),
      [{}, { from: 1_020 }, { to: 1_080 }, { from: 1_020, to: 1_080 }],
    );
    // A prime step, so that all kinds of combinations are met without asking thousands of times.
    for (let index = 0; index < combinations.length; index += 13) {
      const query = combinations[index] ?? {};
      const { from = 0, to = Infinity, ...filters } = query;
      const expected = entries.filter((entry) => entry.at >= from && entry.at < to && Object.entries(filters).every(([name, value]) => entry[name as keyof Activity] === value));
      same(await timesOf(log, query), expected.map(({ at }) => at).reverse(), `every filter holds: ${JSON.stringify(query)}`);
    }
  }));

  it('finds nothing for texts that nobody has', withLog(async (log) => {
    await log.append([full(1)]);
    for (const text of ['', '%', '_', ' t', 't ', "' or '1'='1", '__proto__', '\0', '\ud800']) {
      for (const name of ['keyId', 'tenantId', 'by', 'action', 'result']) same(await timesOf(log, { [name]: text }), [], `${name} ${JSON.stringify(text)}`);
    }
  }));
}

function pagingContract({ it }: TestRunner, withLog: WithLog): void {
  it('gives pages that neither repeat nor hide what was there, whatever comes in meanwhile', withLog(async (log) => {
    for (const filter of [{}, { tenantId: 't' }, { keyId: 'a', from: 0 }]) {
      await log.append(Array.from({ length: 20 }, (_, index) => plain(Math.floor(index / 3), { tenantId: 't' })));
      const before = (await log.list({ limit: 500, ...filter })).entries.length;
      const seen: number[] = [];
      let cursor: string | undefined;
      do {
        const page = await log.list({ limit: 3, ...filter, ...(cursor !== undefined && { cursor }) });
        same(page.entries.length <= 3, true, 'no page is longer than its limit');
        seen.push(...page.entries.map(({ at }) => at));
        await log.append([plain(1_000, { tenantId: 't' })]);
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      same(seen.length, before, 'as many entries as there were');
      same([...seen].sort((a, b) => b - a), seen, 'newest first over all pages');
    }
  }));

  it('tells in a cursor nothing of entries that its filters leave out', withLog(async (log) => {
    const others = (at: number): Promise<void> => Promise.resolve(log.append([at, at, at].map((moment) => plain(moment, { tenantId: 'other' }))));
    const cursors: (string | undefined)[] = [];
    for (const [tenantId, isAlone] of [['alone', true], ['among', false]] as const) {
      for (const at of [1, 2, 2, 2, 3]) {
        if (!isAlone) await others(at);
        await log.append([plain(at, { tenantId })]);
      }
      for (const limit of [1, 2, 3, 4]) {
        cursors.push((await log.list({ limit, tenantId })).nextCursor);
        if (!isAlone) await others(2);
      }
    }
    same(cursors.slice(4), cursors.slice(0, 4), 'the same cursors, whatever entries of others come before or after');
  }));

  it('goes on within one moment, whatever else of this moment comes in meanwhile', withLog(async (log) => {
    for (const limit of [1, 2, 3]) {
      const filter = { tenantId: `t${String(limit)}` };
      const expected = ['7', '6', '5', '4', '3', '2', '1'];
      for (const keyId of [...expected].reverse()) await log.append([plain(5, { keyId, ...filter }), plain(5, { keyId: 'not asked for' })]);
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await log.list({ limit, ...filter, ...(cursor !== undefined && { cursor }) });
        seen.push(...page.entries.map(({ keyId }) => keyId));
        await log.append([plain(5, { keyId: 'late', ...filter }), plain(5, { keyId: 'not asked for' }), plain(5, { keyId: 'late', ...filter })]);
        cursor = page.nextCursor;
      } while (cursor !== undefined && seen.length < 20);
      same(seen, expected, `every one once, by pages of ${String(limit)}`);
    }
  }));

  it('has no next page after the last entry, and an empty one for a cursor it cannot read', withLog(async (log) => {
    await log.append([plain(1), plain(2)]);
    same((await log.list({ limit: 2 })).nextCursor, undefined, 'two of two entries are all');
    for (const cursor of ['', 'x', '-', '1-', '1e5-1', '%', "1' or '1'='1", '9'.repeat(1_000), '\0']) same(await log.list({ limit: 2, cursor }), { entries: [] }, `cursor ${JSON.stringify(cursor.slice(0, 20))}`);
  }));
}
