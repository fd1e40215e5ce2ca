import type { ServerResponse } from 'node:http';
import { ConfigurationError } from '../core/errors.js';
import { engineOf, type Engine, type Keyring } from '../core/keyring.js';
import type { Attribution } from '../core/management/attribution.js';
import { expressHost } from '../http/host.js';
import type { HostRequest, Middleware } from '../http/types.js';
import { send, sendPieces, type Answer } from './answer.js';
import { checkMediaType, readJson } from './body.js';
import type { Caller } from './caller.js';
import { answerTo } from './faults.js';
import { createGate } from './gate.js';
import { createIdempotencyBook } from './idempotency.js';
import { readInput } from './input.js';
import { documentOf } from './openapi.js';
import { resolveAdminOptions, type AdminRouterOptions } from './options.js';
import { ManagementError } from './problems.js';
import { readQuery } from './query.js';
import { route, type Call, type Route } from './route.js';
import { changingRoutes } from './routes/changing.js';
import { creatingRoutes } from './routes/creating.js';
import { observingRoutes } from './routes/observing.js';
import { readingRoutes } from './routes/reading.js';
import { settingsRoutes } from './routes/settings.js';
import { createRouting, targetOf, type Target } from './routing.js';
import { isSameSite } from './same-site.js';
import { createSight } from './sight.js';
import { idempotencyKeyOf, versionWanted } from './versions.js';

/**
 * The management API as a middleware: list, create, show, change, rotate, suspend, revoke, delete and explain keys, with an OpenAPI 3.1
 * document at `/openapi.json`. For Express 4 and 5 and Connect, mounted at a path, and for `node:http` with the option `path`.
 *
 * Throws a `ConfigurationError` for a wrong option, above all without `authorize`. Never throws or rejects on a request.
 *
 * @example
 * ```ts
 * app.use('/admin', adminRouter(keyring, {
 *   authorize: (req) => sessions.userOf(req) && { actor: 'ann@example.com', tenantId: 'customer-7', may: ['admin'] },
 * }));
 * ```
 */
export function adminRouter<Scope extends string, Plan extends string>(keyring: Keyring<Scope, Plan>, options: AdminRouterOptions<NoInfer<Scope>>): Middleware {
  const engine = engineOf(keyring);
  if (engine === undefined) throw new ConfigurationError('invalid_option', 'keyring', 'must be made by createKeyring()');
  const resolved = resolveAdminOptions(options, engine);
  const plain = keyring as unknown as Keyring;
  const gate = createGate(plain, engine, resolved, expressHost);
  const routes = routesOf(plain, engine, createIdempotencyBook(resolved.idempotency, engine.clock));
  const find = createRouting(routes);

  /** What fails is answered. */
  const attempt = (req: HostRequest, res: ServerResponse, work: () => Promise<void>): void => {
    Promise.resolve().then(work).catch((error: unknown) => { send(answerTo(error, engine.report), req, res); });
  };
  const finish = (req: HostRequest, res: ServerResponse, work: () => Answer | Promise<Answer>): void => {
    attempt(req, res, async () => {
      const { pieces, ...answer } = await work();
      if (pieces === undefined) send(answer, req, res);
      else await sendPieces({ ...answer, pieces }, req, res, engine.report);
    });
  };
  const attributionOf = (actor: string, req: HostRequest): Attribution => {
    const ip = addressOf(() => (resolved.auth.clientIp === undefined ? expressHost.clientIp(req) : resolved.auth.clientIp(req)));
    return { by: actor, ...(ip !== undefined && { ip }) };
  };
  const serve = (it: Route, params: Call['params'], target: Target, req: HostRequest, res: ServerResponse): void => {
    if (it.method !== 'get' && !isSameSite(req, resolved.trustedOrigins, expressHost)) throw new ManagementError('cross_site_request');
    const call = { params, base: target.base };
    const run = (more: Partial<Call>): Answer | Promise<Answer> => it.run({ ...call, ...more } as Call<never, never>);
    const permitted = (caller: Caller): Caller => {
      if (caller.may(it.access as never)) return caller;
      throw new ManagementError('forbidden');
    };
    if (it.access === 'public') finish(req, res, () => run({}));
    else if (it.access === 'key') gate.key(req, res, (who) => { finish(req, res, async () => run({ ...(await inputOf(it, req, target)), principal: await who() })); });
    else {
      const manage = (input: Partial<Call>, who: () => Promise<Caller>): void => {
        finish(req, res, async () => {
          const caller = permitted(await who());
          return run({ ...input, caller, attribution: attributionOf(caller.actor, req) });
        });
      };
      gate.manager(req, res, (who) => {
        attempt(req, res, async () => {
          permitted(await who());
          const input = await inputOf(it, req, target);
          // A body may take minutes to come, and whoever sends it may have lost every right by then.
          gate.manager(req, res, (again) => { manage(input, again); });
        });
      });
    }
  };

  return (req: HostRequest, res, next) => {
    const target = targetOf(req, resolved.path);
    if (target === undefined) {
      next();
      return;
    }
    try {
      const found = find(req.method ?? 'GET', target.path);
      if (found === undefined) throw new ManagementError('not_found');
      if ('allow' in found) throw new ManagementError('method_not_allowed', { headers: { Allow: found.allow.join(', ') } });
      serve(found.route, found.params, target, req, res);
    } catch (error) {
      send(answerTo(error, engine.report), req, res);
    }
  };
}

/** All routes, the one that describes them among them. */
function routesOf(keyring: Keyring, engine: Engine, book: ReturnType<typeof createIdempotencyBook>): readonly Route[] {
  const sight = createSight(keyring);
  const routes = [
    ...readingRoutes(keyring, sight), ...settingsRoutes(keyring, engine), ...creatingRoutes(keyring, engine, book),
    ...changingRoutes(keyring, engine, sight), ...observingRoutes(keyring, engine, sight),
  ];
  return [
    ...routes,
    route({
      method: 'get', path: '/openapi.json', access: 'public', name: 'getDocument', summary: 'This document',
      success: { status: 200, description: 'OpenAPI 3.1' },
      run: ({ base }) => ({ status: 200, body: documentOf(routes, base) }),
    }),
  ];
}

/** Reads everything a route takes from a request; throws a `ManagementError` for what it cannot be. */
async function inputOf(it: Route, req: HostRequest, target: Target): Promise<Partial<Call>> {
  const version = it.ifMatch === undefined ? {} : versionWanted(req, it.ifMatch === 'needed');
  const idempotencyKey = it.idempotent === true ? idempotencyKeyOf(req) : undefined;
  const query = it.query === undefined ? undefined : readInput(it.query, readQuery(target.query));
  return { version, idempotencyKey, query, ...(it.body !== undefined && { body: await bodyOf(it.body, it, req) }) };
}

/** A JSON content type is asked for with every body, an empty one too: no plain form of another site can send it. */
async function bodyOf(schema: NonNullable<Route['body']>, { method }: Route, req: HostRequest): Promise<unknown> {
  checkMediaType(req, method === 'patch' ? ['application/json', 'application/merge-patch+json'] : ['application/json']);
  return readInput(schema, await readJson(req));
}

/** For the record only: without one, or with a strange one, the change is made all the same. */
function addressOf(read: () => unknown): string | undefined {
  try {
    const address = read();
    return typeof address === 'string' && /^[\da-fA-F:.%\w-]{1,64}$/.test(address) ? address : undefined;
  } catch {
    return undefined;
  }
}
