import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '../core/principal.js';

/** A request of any host: node:http's own, with what Connect and Express may have added. */
export type HostRequest = IncomingMessage & {
  /** Set by keystile: who is calling. */
  apiKey?: Principal | undefined;
  originalUrl?: string | undefined;
  ip?: string | undefined;
  secure?: boolean | undefined;
  // Express's route parameters; their type is the host's affair.
  params?: unknown;
};

export type Next = (error?: unknown) => void;

/** A middleware for Express 4 and 5, Connect, or called by hand in a node:http server. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: Next) => void;

/** What differs between hosts. */
export interface Host {
  /** Address of the client, as far as the host can tell; `undefined` on a unix socket. */
  clientIp(req: HostRequest): string | undefined;
  /** Whether the request came over TLS. */
  secure(req: HostRequest): boolean;
}
