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

/** The facts of an HTTP request, read from it only when a rule asks. */
export function httpFacts(req: HostRequest, engine: Engine, options: ResolvedOptions, host: Host, answers: Answers): RequestFacts {
  return {
    tenant: answers.tenant,
    environment: options.environment,
    scopes: options.scopes,
    realtime: false,
    upgrade: false,
    cost: answers.cost,
    remote: true,
    counted: (keyId) => wasCounted(req, engine, keyId),
    clientIp: () => clientIpOf(req, options, host),
    sender: () => senderOf(req),
    method: () => req.method,
    // Under a mount `url` is relative; the client's own words are in `originalUrl`.
    target: () => req.originalUrl ?? req.url,
  };
}

/** A repeated Origin or Referer is nobody's honest request: shown as one that no rule can match. */
function senderOf(req: HostRequest): ReturnType<RequestFacts['sender']> {
  const { headers } = req;
  const single = (name: 'origin' | 'referer'): string | undefined => (headers[name] !== undefined && countLines(req, name) > 1 ? 'repeated' : headers[name]);
  const origin = single('origin');
  return { origin, referer: single('referer'), browser: origin !== undefined || Object.keys(headers).some((name) => name.startsWith('sec-fetch-')) };
}
