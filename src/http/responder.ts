import type { ServerResponse } from 'node:http';
import { isPromise } from '../core/awaitable.js';
import { KeystileError } from '../core/errors.js';
import type { Engine } from '../core/keyring.js';
import type { LimitState } from '../core/ports.js';
import type { Refused } from '../core/verification.js';
import type { CredentialSource } from './credentials.js';
import { createLimitHeaders, legacyHeaders, type Fields } from './limit-headers.js';
import type { ResolvedOptions } from './options.js';
import { describe, problemOf, type RefusalInfo } from './refusals.js';
import type { HostRequest, Next } from './types.js';

/** Turns decisions into responses. */
export interface Responder {
  /** Headers of a request that goes on. `authenticated`: it does so with a key. */
  announce(res: ServerResponse, states: readonly LimitState[], authenticated: boolean): void;
  /** Answers a refused request, or hands it to `next`. `source` is where the key was found. */
  refuse(refusal: Refused, source: CredentialSource | undefined, req: HostRequest, res: ServerResponse, next: Next): void;
}

export function createResponder(options: ResolvedOptions, engine: Engine): Responder {
  const varied = [...new Set(options.sources.flatMap((source) => source.header ?? []))];
  const vary = varied.join(', ');
  const { headers, messages, deliver } = options;
  const limitHeaders = createLimitHeaders();

  const limitFields = (states: readonly LimitState[], refused: boolean): Fields => {
    if (states.length === 0) return [];
    const fields = headers.rateLimit === false ? [] : limitHeaders(states, refused);
    return headers.legacy ? [...fields, ...legacyHeaders(states, engine.clock.now())] : fields;
  };

  const fieldsOf = (refusal: Refused, info: RefusalInfo, source: CredentialSource | undefined): Fields => {
    const challenge = challengeFor(refusal, info.status, source, options.sources);
    return [
      ['Cache-Control', 'no-store'],
      ...(challenge === undefined ? [] : [['WWW-Authenticate', challenge] as const]),
      ...(info.retryAfterSeconds === undefined ? [] : [['Retry-After', String(info.retryAfterSeconds)] as const]),
      ...limitFields(refusal.limits, true),
    ];
  };

  const bodyOf = (info: RefusalInfo, req: HostRequest): readonly [type: string, text: string] => {
    if (options.render !== undefined) {
      try {
        const body = options.render(info, req);
        if (isPromise(body)) {
          body.then(undefined, engine.report);
          throw new Error('refusals.render answered with a promise; it has to answer at once');
        }
        if (typeof body === 'string') return ['text/plain; charset=utf-8', body];
        const json: unknown = typeof body === 'object' && body !== null ? JSON.stringify(body) : undefined;
        if (typeof json === 'string') return ['application/json; charset=utf-8', json];
        engine.report(new Error('refusals.render answered with neither an object nor a string'));
      } catch (error) {
        engine.report(error);
      }
    }
    return ['application/problem+json', JSON.stringify(problemOf(info))];
  };

  return {
    announce(res, states, authenticated) {
      if (res.headersSent) return;
      const fields = limitFields(states, false);
      for (let index = 0; index < fields.length; index++) res.setHeader(...(fields[index] as Fields[number]));
      if (!headers.cache) return;
      if (authenticated && !res.hasHeader('Cache-Control')) res.setHeader('Cache-Control', 'private');
      if (vary === '') return;
      const before = res.getHeader('Vary');
      res.setHeader('Vary', before === undefined ? vary : joinVary(before, varied));
    },

    refuse(refusal, source, req, res, next) {
      const info = describe(refusal, messages);
      const fields = fieldsOf(refusal, info, source);
      if (deliver === 'next') {
        next(Object.assign(new KeystileError(info.code, info.detail, { status: info.status, headers: Object.fromEntries(fields) }), { refusal: info }));
        return;
      }
      // Somebody has answered already, or nobody waits for the answer.
      if (res.headersSent || res.destroyed) return;
      const [type, text] = bodyOf(info, req);
      res.statusCode = info.status;
      for (const [name, value] of fields) res.setHeader(name, value);
      res.setHeader('Content-Type', type);
      res.setHeader('Content-Length', Buffer.byteLength(text));
      res.end(text);
    },
  };
}

function joinVary(before: string | number | readonly string[], names: readonly string[]): string {
  const present = (Array.isArray(before) ? before.join(', ') : String(before)).split(/\s*,\s*/).filter((name) => name !== '');
  if (present.includes('*')) return '*';
  const known = new Set(present.map((name) => name.toLowerCase()));
  return [...present, ...names.filter((name) => !known.has(name.toLowerCase()))].join(', ');
}

/** RFC 6750 §3.1 error codes, told to a client that sent its key as a Bearer token. */
const BEARER_ERRORS: ReadonlyMap<number, string> = new Map([
  [400, 'invalid_request'],
  [401, 'invalid_token'],
]);

/** The challenges of a 401, one per source; a Bearer client is told its error, on 400 and 403 `insufficient_scope` as well. */
function challengeFor(refusal: Refused, status: number, source: CredentialSource | undefined, sources: readonly CredentialSource[]): string | undefined {
  const error = refusal.code === 'insufficient_scope' ? 'insufficient_scope' : BEARER_ERRORS.get(status);
  const scope = refusal.missingScopes === undefined ? '' : `, scope="${refusal.missingScopes.join(' ')}"`;
  const bearer = source?.kind === 'bearer' && error !== undefined ? `Bearer error="${error}"${scope}` : undefined;
  if (status !== 401) return bearer;
  const challenges = sources.flatMap((each) => (each.kind === 'bearer' && bearer !== undefined ? bearer : (each.challenge ?? [])));
  return challenges.length === 0 ? 'ApiKey' : [...new Set(challenges)].join(', ');
}
