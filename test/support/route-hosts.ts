import connect from 'connect';
import express from 'express';
import { createRequire } from 'node:module';
import { posix } from 'node:path';

// Express 4 under another name, which has no types of its own.
const express4 = createRequire(import.meta.url)('express4') as typeof express;

/** Whether a GET of a request target reaches a handler that `/admin/users`, `/orders/:id` or `/reports/*rest` stands for. */
type Reached = (target: string) => Promise<boolean>;

interface Message {
  readonly method: 'GET';
  url: string;
}
type Handler = (request: Message, response: object, next: (error?: unknown) => void) => void;
interface Router {
  use(path: string, handler: unknown): unknown;
  get(path: string, handler: unknown): unknown;
}

/** Routers are asked without sockets: they read the method and the URL, and call back when nothing matches. */
function ask(build: (hit: Handler) => Handler): Reached {
  return async (target) =>
    new Promise((resolve) => {
      const router = build(() => {
        resolve(true);
      });
      router({ method: 'GET', url: target }, {}, () => {
        resolve(false);
      });
    });
}

/** Calls the handler unless the mount was asked for something beneath itself. */
const atMount = (hit: Handler): Handler => (request, response, next) => {
  if (/^\/?(?:\.[^/]*\/?)?(?:\?|$)/.test(request.url)) hit(request, response, next);
  else next();
};

/** What a file server does with the rest of a mount's path. */
const asFile = (file: string, hit: Handler): Handler => (request, response, next) => {
  let path: string | undefined;
  try {
    path = decodeURIComponent(request.url.split('?')[0] ?? '');
  } catch {
    // Not a path it would serve.
  }
  if (path !== undefined && posix.normalize(`./${path}`).replace(/\/$/, '') === file) hit(request, response, next);
  else next();
};

function routes(create: () => unknown, rest: string): (hit: Handler) => Handler {
  return (hit) => {
    const router = create() as Router;
    const [admin, orders] = [create() as Router, create() as Router];
    admin.get('/users', hit);
    orders.get('/:id', hit);
    router.use('/admin', admin);
    router.use('/orders', orders);
    router.get('/admin/users', hit);
    router.get('/orders/:id', hit);
    router.get(`/reports/${rest}`, hit);
    router.use('/reports', hit);
    return router as unknown as Handler;
  };
}

function mounts(nested: boolean): (hit: Handler) => Handler {
  return (hit) => {
    const app = connect();
    const mount = (on: typeof app, path: string, handler: unknown): unknown => on.use(path, handler as connect.NextHandleFunction);
    const admin = connect();
    const orders = express.Router();
    orders.get('/:id', hit as unknown as express.RequestHandler);
    mount(admin, '/users', atMount(hit));
    mount(app, '/admin', nested ? admin : asFile('users', hit));
    mount(app, '/admin/users', atMount(hit));
    mount(app, '/orders', orders);
    mount(app, '/reports', hit);
    return app as unknown as Handler;
  };
}

export const hosts: readonly [string, Reached][] = [
  ['Express 5', ask(routes(() => express.Router(), '*rest'))],
  ['Express 4', ask(routes(() => express4.Router(), '*'))],
  ['Connect with nested apps', ask(mounts(true))],
  ['Connect with a file server', ask(mounts(false))],
  ['a plain server of decoded paths', async (target) => Promise.resolve(plain(target))],
];

/** What a handler on node:http may do by itself: decode, resolve, compare. */
function plain(target: string): boolean {
  try {
    const path = posix.normalize(decodeURIComponent(new URL(target, 'http://host').pathname)).toLowerCase().replace(/\/$/, '');
    return path === '/admin/users' || /^\/orders\/[^/]+$/.test(path) || /^\/reports(?:\/|$)/.test(path);
  } catch {
    return false;
  }
}
