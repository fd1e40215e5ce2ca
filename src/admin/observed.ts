import { z } from 'zod';
import type { Activity, UsageOfKey } from '../core/observing.js';
import type { UsageReport, UsageTotals } from '../core/usage/report.js';
import { PRINTABLE, text, time as timeIn } from './schemas.js';
import { iso, time } from './views.js';

/** What is asked about activity and use, and what goes out of it. */

const number = (max: number): z.ZodType<number> => z.string().regex(/^[1-9]\d{0,3}$/, 'must be a whole number from 1').transform(Number).pipe(z.int().max(max));
const period = { from: timeIn.describe('The first moment.').exactOptional(), to: timeIn.describe('The first moment that no longer counts; now unless said.').exactOptional() };
const whose = { keyId: text(128).exactOptional(), tenantId: text(256).exactOptional() };

export const usageQuery = z.strictObject({
  ...whose, ...period,
  per: z.enum(['minute', 'hour', 'day']).describe('How long the stretches of time are, in UTC; hour unless said.').exactOptional(),
});
export const topQuery = z.strictObject({
  tenantId: whose.tenantId, ...period,
  by: z.enum(['allowed', 'limited', 'refused']).describe('What is counted; allowed unless said.').exactOptional(),
  limit: number(100).describe('1 to 100; 10 unless said.').exactOptional(),
});

const filters = {
  ...whose, ...period,
  by: text(256).describe('Who had an operation done.').exactOptional(),
  action: text(64).describe('request, created, unusual and the like.').exactOptional(),
  result: text(64).describe('ok, the code of a refusal, or what was unusual.').exactOptional(),
};
export const activityQuery = z.strictObject({
  ...filters,
  limit: number(500).describe('Entries a page, 1 to 500; 50 unless said.').exactOptional(),
  cursor: z.string().max(2_048).regex(PRINTABLE).describe('nextCursor of the page before, with the same filters.').exactOptional(),
});
export const exportQuery = z.strictObject({ format: z.enum(['ndjson', 'csv']), ...filters });

const count = z.int().min(0);
const totals = { allowed: count, limited: count.describe('Refused by the limits of the key.'), refused: z.record(z.string(), count).describe('Other refusals, by code.') };
export const usageView = z.object({
  per: z.enum(['minute', 'hour', 'day']), from: time, to: time,
  points: z.array(z.object({ at: time.describe('When the stretch began.'), ...totals })).describe('Stretches without a request are left out.'),
  totals: z.object(totals),
});
export const topView = z.object({ keys: z.array(z.object({ keyId: z.string(), tenantId: z.string().optional(), allowed: count, limited: count, refused: count })) });
const entryView = z.object({
  at: time, action: z.string(), result: z.string(), keyId: z.string(), tenantId: z.string().optional(), by: z.string().optional(), ip: z.string().optional(), method: z.string().optional(), path: z.string().optional(),
});
export const activityView = z.object({ entries: z.array(entryView).describe('The newest first.'), nextCursor: z.string().optional().describe('Absent on the last page.') });

export type EntryView = z.infer<typeof entryView>;
/** The fields of an entry, in the order of the columns of an export. */
export const ENTRY_FIELDS = Object.keys(entryView.shape) as readonly (keyof EntryView)[];

export function showEntry(entry: Activity): EntryView {
  return Object.fromEntries(ENTRY_FIELDS.filter((name) => entry[name] !== undefined).map((name) => [name, name === 'at' ? iso(entry.at) : entry[name]])) as EntryView;
}

const showTotals = ({ allowed, limited, refused }: UsageTotals): UsageTotals => ({ allowed, limited, refused: { ...refused } });

export const showUsage = ({ per, from, to, points, totals: sum }: UsageReport): object => ({
  per, from: iso(from), to: iso(to), points: points.map(({ at, ...point }) => ({ at: iso(at), ...showTotals(point) })), totals: showTotals(sum),
});

export const showTop = (keys: readonly UsageOfKey[]): object => ({
  keys: keys.map(({ keyId, tenantId, allowed, limited, refused }) => ({ keyId, ...(tenantId !== undefined && { tenantId }), allowed, limited, refused })),
});
