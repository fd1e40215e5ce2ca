import { DAY } from './words.js';

/** A moment that a chart names. */
export interface Tick {
  readonly at: number;
  readonly text: string;
}

const MOST = 8;
const days = new Intl.DateTimeFormat('en', { month: 'short', day: 'numeric' });
const hours = new Intl.DateTimeFormat('en', { hour: 'numeric' });

/** Every so many days at their beginning, or every six hours of a day or two, as the person's clock shows them. */
export function ticksOf(from: number, to: number): readonly Tick[] {
  const isShort = to - from <= 2 * DAY;
  const step = isShort ? 6 : 24 * Math.ceil((to - from) / DAY / MOST);
  const ticks: Tick[] = [];
  const at = new Date(from);
  at.setHours(0, 0, 0, 0);
  // By the calendar: two days of a year are longer or shorter than others.
  for (; at.getTime() < to; at.setHours(at.getHours() + step)) if (at.getTime() >= from) ticks.push({ at: at.getTime(), text: (isShort ? hours : days).format(at) });
  return ticks;
}
