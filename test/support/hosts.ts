import connect from 'connect';
import express from 'express';
import { apiKeyAuth } from 'keystile';
import { apiKeyAuth as connectAuth } from 'keystile/connect';
import { createRequire } from 'node:module';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Middleware } from 'keystile';

// Express 4 under another name, which has no types of its own.
const express4 = createRequire(import.meta.url)('express4') as typeof express;

/** A middleware, or one that is mounted at a path. The last step of a server is its handler. */
export type Step = Middleware | readonly [mount: string, step: Middleware];

/** One kind of server, so that a suite can run over all of them. */
export interface TestHost {
  readonly name: string;
  /** `apiKeyAuth` as users of this host import it. */
  readonly apiKeyAuth: typeof apiKeyAuth;
  listener(steps: readonly Step[]): RequestListener;
}

interface Router {
  use(path: string, step: unknown): unknown;
}

function mounted<App extends Router>(app: App, steps: readonly Step[]): App {
  for (const step of steps) {
    if (typeof step === 'function') app.use('/', step);
    else app.use(step[0], step[1]);
  }
  return app;
}

function expressApp(create: typeof express): TestHost['listener'] {
  return (steps) => {
    const app = create();
    // Keeps Express from printing what it hands to its final handler.
    app.set('env', 'test');
    return mounted(app as Router, steps) as unknown as RequestListener;
  };
}

/** What people write around node:http: a list of functions, walked by hand. */
function plainListener(steps: readonly Step[]): RequestListener {
  return (req, res) => {
    const run = (index: number, error?: unknown): void => {
      if (error !== undefined) {
        answerError(error, res);
        return;
      }
      const step = steps[index];
      if (step === undefined) {
        res.writeHead(404).end();
        return;
      }
      const [mount, middleware] = typeof step === 'function' ? ['', step] : step;
      const next = (fault?: unknown): void => {
        run(index + 1, fault);
      };
      if (mount === '' || isBeneath(req, mount)) middleware(req, res, next);
      else next();
    };
    run(0);
  };
}

function isBeneath({ url = '' }: IncomingMessage, mount: string): boolean {
  return url === mount || url.startsWith(`${mount}/`) || url.startsWith(`${mount}?`);
}

/** As finalhandler does it for the other hosts. */
function answerError(error: unknown, res: ServerResponse): void {
  const { status, headers } = error as { status?: number; headers?: Record<string, string> };
  res.writeHead(status ?? 500, headers).end('error');
}

export const EXPRESS_5: TestHost = { name: 'Express 5', apiKeyAuth, listener: expressApp(express) };
const EXPRESS_4: TestHost = { name: 'Express 4', apiKeyAuth, listener: expressApp(express4) };
export const CONNECT: TestHost = {
  name: 'Connect',
  apiKeyAuth: connectAuth,
  listener: (steps) => mounted(connect() as unknown as Router, steps) as unknown as RequestListener,
};
export const NODE_HTTP: TestHost = { name: 'node:http', apiKeyAuth: connectAuth, listener: plainListener };

export const hosts: readonly TestHost[] = [EXPRESS_5, EXPRESS_4, CONNECT, NODE_HTTP];
/** Both Expresses, for what only they have. */
export const expresses: readonly (readonly [name: string, create: typeof express])[] = [
  ['Express 5', express],
  ['Express 4', express4],
];
