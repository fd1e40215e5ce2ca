import { afterEach } from '@jest/globals';
import { authenticateUpgrade, createKeyring, type ApiKeyAuthOptions, type KeyringOptions, type Middleware, type RefusalInfo, type UpgradeHandler, type UpgradeOptions } from 'keystile';
import { fakeClock } from 'keystile/testing';
import { createServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import WebSocket, { WebSocketServer } from 'ws';
import { echo, type Scope, type TestApp } from './app.js';
import type { TestHost } from './hosts.js';
import { useServers } from './servers.js';
import { countingLimiter, type CountingLimiter } from './spies.js';

export interface LiveSettings {
  readonly keyring?: Omit<KeyringOptions, 'scopes'>;
  readonly upgrade?: UpgradeOptions<Scope>;
  /** Instead of handing everything to ws. */
  readonly open?: UpgradeHandler<Scope>;
  /** For requests that are none: how they are let in, and what they meet. */
  readonly auth?: ApiKeyAuthOptions<Scope>;
  readonly handler?: Middleware;
  /** Tells ws clients why their key has ended. Default: `true`. */
  readonly lastWord?: boolean;
}

/** A server with the upgrade guard and ws behind it; the middleware guards its requests. */
export interface LiveApp extends TestApp {
  readonly limiter: CountingLimiter;
  /** Server's ends of the connections that were let in. */
  readonly open: Set<Duplex>;
  /** Upgrades that reached the handler. */
  readonly admitted: IncomingMessage[];
  /** What clients have sent over their sockets. */
  readonly messages: string[];
  dial(how?: Dial): Promise<Client>;
}

export interface Dial {
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: readonly string[];
  readonly path?: string;
}

/** A real ws client: connected, or refused with a response. */
export interface Client {
  readonly ws: WebSocket;
  readonly refusal: { readonly status: number; readonly headers: IncomingMessage['headers']; readonly body: string } | undefined;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

/** The text of a WebSocket handshake. `lines` are whole header lines, after those that every handshake has. */
export function upgradeText(lines: readonly string[] = [], { method = 'GET', target = '/live', version = '1.1' } = {}): string {
  const handshake = ['Host: api.example.com', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
  return [`${method} ${target} HTTP/${version}`, ...handshake, ...lines, '', ''].join('\r\n');
}

export function useLiveApps(): (host: TestHost, settings?: LiveSettings) => Promise<LiveApp> {
  const ends: (() => Promise<void> | void)[] = [];
  // Before the servers are closed, which wait for upgraded connections.
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });
  const listen = useServers();
  return async (host, settings = {}) => {
    const clock = fakeClock();
    const limiter = countingLimiter(clock);
    const keyring = createKeyring<Scope, string>({ prefix: 'awx', scopes: { read: [], write: ['read'] }, clock, limiter, ...settings.keyring });
    const faults: unknown[] = [];
    keyring.on('fault', ({ error }) => faults.push(error));
    const [open, admitted, messages] = [new Set<Duplex>(), [] as IncomingMessage[], [] as string[]];
    const wss = new WebSocketServer({ noServer: true });
    wss.on('connection', (ws) => ws.on('error', () => undefined).on('message', (data: Buffer) => messages.push(String(data))));
    const handOver: UpgradeHandler<Scope> = (req, socket, head, { onEnd }) => {
      wss.handleUpgrade(req, socket, head, (ws) => {
        if (settings.lastWord !== false) onEnd(({ code }: RefusalInfo) => { ws.close(1008, code); });
        wss.emit('connection', ws, req);
      });
    };
    const upgrade = authenticateUpgrade<Scope, string>(keyring, settings.upgrade ?? {}, (req, socket, head, admission) => {
      admitted.push(req);
      open.add(socket);
      socket.on('close', () => open.delete(socket));
      return (settings.open ?? handOver)(req, socket, head, admission);
    });
    let reached = 0;
    const handler: Middleware = (req, res, next) => {
      reached++;
      (settings.handler ?? echo)(req, res, next);
    };
    const server = await listen(host.listener([host.apiKeyAuth<Scope, string>(keyring, settings.auth ?? {}), handler]), (listener) => createServer(listener).on('upgrade', upgrade));
    const clients: WebSocket[] = [];
    ends.push(async () => {
      for (const client of clients) client.terminate();
      for (const socket of open) socket.destroy();
      await keyring.close();
    });
    return {
      ...server, keyring, clock, faults, limiter, open, admitted, messages,
      reached: () => reached,
      async issue(wanted = {}) {
        const { key, apiKey } = await keyring.create({ name: 'test', ...wanted });
        return { key, id: apiKey.id };
      },
      dial: async ({ headers = {}, protocols = [], path = '/live' } = {}) => dial(new WebSocket(`ws://127.0.0.1:${server.port}${path}`, [...protocols], { headers }), clients),
    };
  };
}

async function dial(ws: WebSocket, clients: WebSocket[]): Promise<Client> {
  clients.push(ws);
  const closed = new Promise<{ code: number; reason: string }>((resolve) => ws.on('close', (code, reason) => { resolve({ code, reason: String(reason) }); }));
  const refusal = await new Promise<Client['refusal']>((resolve, reject) => {
    ws.on('open', () => { resolve(undefined); });
    ws.on('error', reject);
    ws.on('unexpected-response', (_request, response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => { resolve({ status: response.statusCode ?? 0, headers: response.headers, body: String(Buffer.concat(chunks)) }); });
    });
  });
  return { ws, refusal, closed };
}
