import type { Rule } from '../api/types.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const UNITS: readonly (readonly [ms: number, unit: Intl.RelativeTimeFormatUnit])[] = [
  [365 * DAY, 'year'], [30 * DAY, 'month'], [DAY, 'day'], [HOUR, 'hour'], [MINUTE, 'minute'], [SECOND, 'second'],
];

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const exact = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const precise = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' });
const numbers = new Intl.NumberFormat('en');

/** `3 days ago`, `in 2 hours`. */
export function ago(time: string, now: number): string {
  const distance = Date.parse(time) - now;
  const [ms, unit] = UNITS.find(([size]) => Math.abs(distance) >= size) ?? [SECOND, 'second'];
  return relative.format(Math.trunc(distance / ms), unit);
}

/** In the person's own time zone. */
export const moment = (time: string): string => exact.format(new Date(time));

/** The same to the second, for what follows closely upon another. */
export const second = (time: string): string => precise.format(new Date(time));

export const count = (number: number): string => numbers.format(number);

const plural = (number: number, word: string): string => `${count(number)} ${word}${number === 1 ? '' : 's'}`;

/** `90 days`, `1.5 hours`. */
export function span(ms: number): string {
  const [size, unit] = UNITS.slice(2).find(([one]) => ms >= one) ?? [SECOND, 'second'];
  return plural(Math.round((ms / size) * 10) / 10, unit);
}

const EACH: ReadonlyMap<number, string> = new Map([[SECOND, 'second'], [MINUTE, 'minute'], [HOUR, 'hour'], [DAY, 'day']]);
const SUBJECTS = { key: '', tenant: ' for the whole tenant', owner: ' for the owner', ip: ' for each address' } as const;

/** `60 per minute`, `5 at once for the whole tenant`. */
export function ruleText({ kind, limit, windowMs, per }: Pick<Rule, 'kind' | 'limit' | 'windowMs' | 'per'>): string {
  const often = kind === 'concurrency' ? 'at once' : `per ${EACH.get(windowMs ?? 0) ?? span(windowMs ?? 0)}`;
  return `${count(limit)} ${often}${SUBJECTS[per]}`;
}

/** `endpoint_not_allowed` as people write it. */
export const codeText = (code: string): string => {
  const words = code.replaceAll('_', ' ').replace(/\bip\b/, 'IP');
  return words.charAt(0).toUpperCase() + words.slice(1);
};
