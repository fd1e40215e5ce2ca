import { createKeyring, type ApiKeyAuth, type ApiKeyAuthOptions, type HostRequest, type Keyring, type KeyringOptions, type KeySettings, type Middleware } from 'keystile';
import { fakeClock, type FakeClock } from 'keystile/testing';
import type { ServerResponse } from 'node:http';
import { afterEach } from '@jest/globals';
import type { Step, TestHost } from './hosts.js';
import { useServers, type TestServer } from './servers.js';

export type Scope = 'read' | 'write';

export interface AppSettings {
  readonly keyring?: Omit<KeyringOptions, 'scopes'>;
  readonly auth?: ApiKeyAuthOptions<Scope>;
  /** Steps before the middleware; afterwards the handler, or `routes` in its place. */
  readonly before?: readonly Step[];
  readonly handler?: Middleware;
  routes?(auth: ApiKeyAuth<Scope>, app: { readonly keyring: Keyring<Scope>; readonly handler: Middleware }): readonly Step[];
}

/** A server with a keyring behind it. */
export interface TestApp extends TestServer {
  readonly keyring: Keyring<Scope>;
  readonly clock: FakeClock;
  /** Whatever the keyring reported as a fault. */
  readonly faults: unknown[];
  /** How often the handler was reached. */
  reached(): number;
  /** A new key's plaintext and id. */
  issue(settings?: Partial<KeySettings<Scope>>): Promise<{ readonly key: string; readonly id: string }>;
}

export function useApps(): (host: TestHost, settings?: AppSettings) => Promise<TestApp> {
  const listen = useServers();
  const keyrings: Keyring<Scope>[] = [];
  afterEach(async () => {
    for (const keyring of keyrings.splice(0)) await keyring.close();
  });
  return async (host, settings = {}) => {
    const clock = fakeClock();
    const keyring = createKeyring<Scope, string>({ prefix: 'awx', scopes: { read: [], write: ['read'] }, clock, ...settings.keyring });
    keyrings.push(keyring);
    const faults: unknown[] = [];
    keyring.on('fault', ({ error }) => faults.push(error));
    let reached = 0;
    const answer = settings.handler ?? echo;
    const handler: Middleware = (req, res, next) => {
      reached++;
      answer(req, res, next);
    };
    const auth = host.apiKeyAuth<Scope, string>(keyring, settings.auth ?? {});
    const steps = [...(settings.before ?? []), auth, ...(settings.routes?.(auth, { keyring, handler }) ?? [handler])];
    return {
      ...(await listen(host.listener(steps))),
      keyring,
      clock,
      faults,
      reached: () => reached,
      async issue(wanted = {}) {
        const { key, apiKey } = await keyring.create({ name: 'test', ...wanted });
        return { key, id: apiKey.id };
      },
    };
  };
}

/** Tells what a handler sees. */
export function echo(req: HostRequest, res: ServerResponse): void {
  const { apiKey, url, originalUrl } = req;
  json(res, { caller: apiKey?.id ?? null, url, originalUrl: originalUrl ?? url });
}

export function json(res: ServerResponse, body: unknown): void {
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify(body));
}
