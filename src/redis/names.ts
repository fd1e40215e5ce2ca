import { ConfigurationError } from '../core/errors.js';

/** The names of keys: all that begin alike up to the closing brace lie in one hash slot of a cluster. */
export function hashTag(prefix: string, group: string): string {
  return `${prefix}{${group === '' || /[{}%]/.test(group) ? `%${encodeURIComponent(group.toWellFormed())}` : group}}`;
}

/** A prefix that is free of braces, which would make a hash tag of their own. */
export function checkPrefix(prefix: unknown, path: string): string {
  if (typeof prefix === 'string' && prefix.length <= 128 && !/[{}]/.test(prefix)) return prefix;
  throw new ConfigurationError('invalid_option', path, 'must be a text of at most 128 characters without braces');
}
