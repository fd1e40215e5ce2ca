import { disown } from '../core/awaitable.js';
import { storeUnavailable } from '../core/errors.js';
import type { Engine } from '../core/keyring.js';
import type { RequestFacts } from '../core/request.js';
import type { ResolvedOptions } from './options.js';
import { countLines } from './raw-request.js';
import { wasCounted } from './request-state.js';
import type { Host, HostRequest } from './types.js';

/** What one request's callbacks have said. */
export interface Answers {
  readonly tenant: string | null | undefined;
  readonly cost: number;
}

/** The address of a client, as the option or the host tells it. */
export function clientIpOf(req: HostRequest, options: ResolvedOptions, host: Host): string | undefined {
  if (options.clientIp === undefined) return host.clientIp(req);
  const address: unknown = options.clientIp(req);
  if (address === undefined || typeof address === 'string') return address;
  disown(address);
  throw storeUnavailable('clientIp answered with something that is no address');
}

interface HttpFacts extends RequestFacts {
  readonly req: HostRequest;
}

/** Makes the facts of requests and upgrades, which are read from a request only when a rule asks. */
export function createFacts(engine: Engine, options: ResolvedOptions, host: Host): (req: HostRequest, answers: Answers) => RequestFacts {
  const { environment, scopes, upgrade } = options;
  // Shared by all requests: five closures for each would cost more than the checks that ask them.
  function counted(this: HttpFacts, keyId: string): boolean {
    return wasCounted(this.req, engine, keyId);
  }
  function clientIp(this: HttpFacts): string | undefined {
    return clientIpOf(this.req, options, host);
  }
  return (req, { tenant, cost }) => {
    const facts: HttpFacts = { req, tenant, environment, scopes, realtime: upgrade, upgrade, cost, remote: true, counted, clientIp, sender, method, target };
    return facts;
  };
}

function sender(this: HttpFacts): ReturnType<RequestFacts['sender']> {
  return senderOf(this.req);
}

function method(this: HttpFacts): string | undefined {
  return this.req.method;
}

/** Under a mount `url` is relative; the client's own words are in `originalUrl`. */
function target(this: HttpFacts): string | undefined {
  return this.req.originalUrl ?? this.req.url;
}

/** A repeated Origin or Referer is nobody's honest request: shown as one that no rule can match. */
function senderOf(req: HostRequest): ReturnType<RequestFacts['sender']> {
  const { headers } = req;
  const single = (name: 'origin' | 'referer'): string | undefined => (headers[name] !== undefined && countLines(req, name) > 1 ? 'repeated' : headers[name]);
  const origin = single('origin');
  return { origin, referer: single('referer'), browser: origin !== undefined || Object.keys(headers).some((name) => isBrowserMark(name, headers[name])) };
}

/** Node's own `fetch` says `Sec-Fetch-Mode: cors`, and nothing else; no browser leaves out `Sec-Fetch-Site` (Fetch Metadata, §2.1). */
const isBrowserMark = (name: string, value: unknown): boolean => name.startsWith('sec-fetch-') && !(name === 'sec-fetch-mode' && value === 'cors');
