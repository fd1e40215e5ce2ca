import type { ServerResponse } from 'node:http';
import { adminRouter } from '../admin/router.js';
import { targetOf, type Target } from '../admin/routing.js';
import type { Keyring } from '../core/keyring.js';
import type { HostRequest, Middleware } from '../http/types.js';
import { readFiles, type StaticFile } from './files.js';
import { SECURITY_HEADERS } from './headers.js';
import { resolveDashboardOptions, type DashboardOptions } from './options.js';

/**
 * The page on which people manage keys, with the management API beneath it at `api`. For Express 4 and 5 and Connect, mounted at any path, and
 * for `node:http` with the option `path`. The page itself is public and holds nothing: all it shows comes through the API, and `authorize`.
 *
 * Throws a `ConfigurationError` for a wrong option, above all without `authorize`, and where the page's files are missing. Never throws or
 * rejects on a request.
 *
 * @example
 * ```ts
 * app.use('/admin/keys', dashboard(keyring, {
 *   authorize: (req) => sessions.userOf(req) && { actor: 'ann@example.com', tenantId: 'customer-7', may: ['admin'] },
 *   signInUrl: '/login',
 * }));
 * ```
 */
export function dashboard<Scope extends string, Plan extends string>(keyring: Keyring<Scope, Plan>, options: DashboardOptions<NoInfer<Scope>>): Middleware {
  const { page, admin, path } = resolveDashboardOptions(options);
  const api = adminRouter(keyring, { ...admin, path: `${path}/api` });
  const files = readFiles(page);

  return (req: HostRequest, res, next) => {
    const target = targetOf(req, path);
    if (target === undefined) {
      next();
      return;
    }
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) res.setHeader(name, value);
    if (/^\/api(?:\/|$)/.test(target.path)) api(req, res, next);
    else serve(files, target, req, res);
  };
}

function serve(files: ReadonlyMap<string, StaticFile>, target: Target, req: HostRequest, res: ServerResponse): void {
  const file = files.get(target.path);
  if (file === undefined) answer(res, 404, { 'Cache-Control': 'no-store' });
  else if (req.method !== 'GET' && req.method !== 'HEAD') answer(res, 405, { Allow: 'GET, HEAD', 'Cache-Control': 'no-store' });
  else if (target.path === '/' && !hasSlash(req)) answer(res, 308, { Location: withSlash(req), 'Cache-Control': 'no-store' });
  else sendFile(file, req, res);
}

/** Beneath an address without a slash at its end, the page's relative addresses would lead elsewhere. */
const hasSlash = (req: HostRequest): boolean => wholePath(req).endsWith('/');

/** Relative, so that no prefix which a proxy has cut off is needed, and no path can be taken for another host. */
const withSlash = (req: HostRequest): string => `./${wholePath(req).split('/').at(-1) ?? ''}/`;

const wholePath = (req: HostRequest): string => (req.originalUrl ?? req.url ?? '/').split('?', 1)[0] ?? '/';

function sendFile({ type, cache, bytes, zipped }: StaticFile, req: HostRequest, res: ServerResponse): void {
  const isZipped = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(req.headers['accept-encoding'] ?? '');
  const body = isZipped ? zipped : bytes;
  answer(res, 200, { 'Content-Type': type, 'Cache-Control': cache, Vary: 'Accept-Encoding', ...(isZipped && { 'Content-Encoding': 'gzip' }) }, body);
}

function answer(res: ServerResponse, status: number, headers: Readonly<Record<string, string>>, body: Buffer = Buffer.alloc(0)): void {
  // A step of the host's may have answered already.
  if (res.headersSent) return;
  res.writeHead(status, { ...headers, 'Content-Length': body.length });
  // Node keeps the bytes back for HEAD.
  res.end(body);
}
