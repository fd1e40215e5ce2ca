import { hash } from 'node:crypto';
import type { Middleware } from '../http/types.js';
import { send } from './answer.js';
import type { Jwk } from './signing-keys.js';

/** How long a verifier may go without looking: a new key has to be published that long before it signs. */
const MAX_AGE_SECONDS = 300;

/** Serves a key set as it stands (RFC 7517 §8.5), with an `ETag`. */
export function createJwksHandler(set: { readonly keys: readonly Jwk[] }): Middleware {
  const text = JSON.stringify(set);
  const etag = `"${hash('sha256', text, 'hex').slice(0, 32)}"`;
  const caching = { 'Cache-Control': `public, max-age=${String(MAX_AGE_SECONDS)}`, ETag: etag };
  return (req, res) => {
    if (req.method !== 'GET' && req.method !== 'HEAD') send(res, 405, '', { Allow: 'GET, HEAD' });
    else if (isKnown(req.headers['if-none-match'], etag)) send(res, 304, '', caching);
    else send(res, 200, text, { 'Content-Type': 'application/jwk-set+json', ...caching });
  };
}

/** RFC 9110 §13.1.2, compared weakly. */
function isKnown(field: string | undefined, etag: string): boolean {
  return field !== undefined && field.split(',').some((tag) => ['*', etag, `W/${etag}`].includes(tag.trim()));
}
