import type { Failure } from '../api/client.js';
import type { Settings, Usage, UsagePoint } from '../api/types.js';
import { DAY } from './words.js';

/** Spans of time that charts show, with the width of a bar. */
export const SPANS = [['24h', 'Last 24 hours', DAY, 'hour'], ['7d', 'Last 7 days', 7 * DAY, 'hour'], ['30d', 'Last 30 days', 30 * DAY, 'day'], ['90d', 'Last 90 days', 90 * DAY, 'day']] as const;
export type SpanName = (typeof SPANS)[number][0];

type About = Readonly<Record<string, string>>;

/** The query for a span that ends now; to the minute, so that drawing the page anew asks nothing anew. */
export function spanQuery(name: SpanName, about: About): string {
  const [, , ms] = spanOf(name);
  const to = Math.ceil(Date.now() / 60_000) * 60_000;
  return new URLSearchParams({ ...about, from: new Date(to - ms).toISOString(), to: new Date(to).toISOString() }).toString();
}

/** The same for a chart, with the width of its bars. */
export const chartQuery = (name: SpanName, about: About): string => spanQuery(name, { ...about, per: spanOf(name)[3] });

const spanOf = (name: SpanName): (typeof SPANS)[number] => SPANS.find(([one]) => one === name) ?? SPANS[0];

/** Refusals of every code, without those of limits. */
export const refusalsOf = ({ refused }: Pick<UsagePoint, 'refused'>): number => Object.values(refused).reduce((sum, one) => sum + one, 0);

export const totalOf = ({ totals }: Usage): number => totals.allowed + totals.limited + refusalsOf(totals);

/** The host keeps no such record: nothing that could be tried again. */
export const isNotKept = ({ status }: Failure): boolean => status === 404;

/** The address of a record that the keyring keeps, else nothing is asked. */
export const ifKept = (settings: Settings, record: 'usage' | 'activity', path: string): string | undefined => (settings[record] ? path : undefined);
