import { expect, it } from '@jest/globals';
import { sqlActivity } from '../../../src/sql/activity.js';
import type { SqlTarget } from '../../../src/sql/target.js';
import { sqlUsage } from '../../../src/sql/usage.js';
import type { FilledEngine } from '../suites/filling.js';
import { killed } from '../suites/killing.js';

const DAY = 86_400_000;
const SPANS = ['minute', 'hour', 'day'] as const;

interface Line {
  readonly made?: number;
  readonly counted?: number;
}

/** Two processes that count and write at once, and are killed in the middle: at `lines` and a little later. */
export function killingTest(engine: FilledEngine, on: () => { readonly where: string; readonly target: SqlTarget }): void {
  it('counts and writes for two processes together, nothing twice and nothing lost that was acknowledged, though both are killed', async () => {
    const { where, target } = on();
    const tenants = ['killed one', 'killed two'];
    const said = await Promise.all(tenants.map((tenant, index) => killed<Line>(engine, where, tenant, 41 + 20 * index, 'counting')));
    const [meter, log] = [sqlUsage(target), sqlActivity(target)];
    const today = Math.floor(Date.now() / DAY) * DAY;
    const times = { from: today - DAY, to: today + DAY };
    const sumOf = async (per: (typeof SPANS)[number], whose: object): Promise<number> => (await meter.read({ per, ...times, ...whose })).reduce((sum, { count }) => sum + count, 0);
    let all = 0;
    for (const [index, tenantId] of tenants.entries()) {
      const most = (name: keyof Line): number => Math.max(0, ...said[index]!.map((line) => line[name] ?? 0));
      const sum = await sumOf('day', { tenantId });
      expect(sum).toBeGreaterThanOrEqual(most('counted'));
      expect(sum).toBeLessThanOrEqual(most('made'));
      for (const per of SPANS) expect(await sumOf(per, { tenantId })).toBe(sum);
      const keys = await meter.top({ per: 'day', ...times, tenantId, by: 'allowed', limit: 100 });
      expect(keys.reduce((total, { allowed }) => total + allowed, 0)).toBe(sum);
      let entries = 0;
      for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
        const page = await log.list({ tenantId, action: 'request', limit: 500, ...(cursor !== undefined && { cursor }) });
        entries += page.entries.length;
        cursor = page.nextCursor;
      }
      expect(entries).toBeGreaterThanOrEqual(most('counted'));
      expect(entries).toBeLessThanOrEqual(most('made'));
      all += sum;
    }
    expect(await sumOf('hour', {})).toBe(all);
  }, 120_000);
}
