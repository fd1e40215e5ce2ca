import { countLines } from '../http/raw-request.js';
import type { Host, HostRequest } from '../http/types.js';

/**
 * Whether a change may come from where it comes from. Programs say nothing of where, and pass (Node's own `fetch` sends
 * `Sec-Fetch-Mode`, but no `-Site`); a browser always says something with a change, and must say that the page is of this origin
 * (Fetch Metadata, W3C; RFC 6454), or of a trusted one.
 */
export function isSameSite(req: HostRequest, trusted: ReadonlySet<string>, host: Host): boolean {
  const { headers } = req;
  const site = headers['sec-fetch-site'];
  const { origin } = headers;
  // A repeated field is nobody's honest request.
  if (countLines(req, 'origin') > 1 || countLines(req, 'sec-fetch-site') > 1) return false;
  if (origin !== undefined && trusted.has(origin)) return true;
  // "none" is a person at the address bar, who cannot send a change; "same-site" is another, perhaps weaker, host.
  if (site !== undefined) return site === 'same-origin';
  return origin === undefined || isOwnOrigin(origin, req, host);
}

/** The origin's host and port are those of the request. Behind a proxy that ends TLS the scheme cannot be known. */
function isOwnOrigin(origin: string, req: HostRequest, host: Host): boolean {
  const scheme = /^https?:\/\//.exec(origin)?.[0];
  const own = req.headers.host;
  if (scheme === undefined || own === undefined || (scheme === 'http://' && host.secure(req))) return false;
  const address = scheme + own;
  return URL.canParse(address) && URL.canParse(origin) && new URL(address).origin === origin;
}
