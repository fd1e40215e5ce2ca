import { ConfigurationError } from '../errors.js';

/** The largest that a `Date` can be. */
const LATEST = 8.64e15;

/** A point in time of the past or near it, given as a `Date` or as epoch milliseconds. */
export function epochMs(value: unknown, path: string): number {
  const ms = value instanceof Date ? value.getTime() : value;
  if (typeof ms === 'number' && Number.isInteger(ms) && ms >= 0 && ms <= LATEST) return ms;
  throw new ConfigurationError('invalid_option', path, 'must be a Date or epoch milliseconds from 0');
}
