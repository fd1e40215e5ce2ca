/**
 * An application platform whose keys say where they may be used: on which endpoints, until when, from which domains and
 * addresses, and whether they may open a WebSocket.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import express, { type RequestHandler } from 'express';
import { apiKeyAuth, authenticateUpgrade, createKeyring, header, principalOf, query, type AccessRules, type ApiKey, type EndpointRules } from 'keystile';
import { WebSocketServer, type WebSocket } from 'ws';
import { listenWhenMain, problems } from './host.js';

/** What a key's page in the settings asks for. */
interface KeyForm {
  readonly name?: string;
  readonly allowRealtime?: boolean;
  readonly endpointAccess?: 'none' | 'full' | 'custom-allowed' | 'custom-excluded';
  /** `GET /orders/:id`, or without a method for all of them. */
  readonly endpoints?: readonly unknown[];
  readonly expireDate?: string | null;
  readonly authorizedDomains?: 'all' | readonly string[];
  readonly authorizedIPs?: 'all' | readonly string[];
}

export interface AgnostSettings {
  readonly adminToken?: string;
  /** Whose `X-Forwarded-For` is believed, as Express's `trust proxy`. */
  readonly trustProxy?: string | number | boolean;
}

export function agnost({ adminToken = randomBytes(24).toString('hex'), trustProxy = 'loopback' }: AgnostSettings = {}): { server: Server; adminToken: string } {
  const keyring = createKeyring({ formats: 'agn_{id}_{secret}{checksum}' });
  const credentials = [header('Authorization'), header('x-api-key')];
  const auth = apiKeyAuth(keyring, { credentials });

  const app = express();
  app.set('trust proxy', trustProxy);
  app.use(express.json());

  const signedIn: RequestHandler = (req, res, next) => {
    const [given, wanted] = [req.get('x-developer-token') ?? '', adminToken].map((text) => Buffer.from(text));
    if (given?.length === wanted?.length && timingSafeEqual(given as Buffer, wanted as Buffer)) next();
    else res.status(401).json({ error: 'Sign in as a developer.' });
  };
  const keys = express.Router();
  keys.use(auth.forbidApiKeys(), signedIn);
  keys.get('/', async (_req, res) => res.json({ keys: (await keyring.list({ limit: 500 })).keys.map(shown) }));
  keys.post('/', async (req, res) => {
    const form = (req.body ?? {}) as KeyForm;
    const { expiresAt, access } = settingsOf(form, undefined);
    const { key, apiKey } = await keyring.create({ name: form.name as string, access, ...(typeof expiresAt === 'number' && { expiresAt }) });
    res.status(201).set('Cache-Control', 'no-store').json({ ...shown(apiKey), key });
  });
  keys.patch('/:id', async (req, res) => {
    const form = (req.body ?? {}) as KeyForm;
    const before = await keyring.get(req.params.id);
    if (before === undefined) return void res.status(404).json({ error: 'There is no such key.' });
    const { expiresAt, access } = settingsOf(form, before.access);
    res.json(shown(await keyring.update(before.id, { access, ...(form.name !== undefined && { name: form.name }), ...(expiresAt !== undefined && { expiresAt }) })));
  });
  keys.delete('/:id', async (req, res) => {
    res.status((await keyring.delete(req.params.id)) ? 204 : 404).end();
  });
  app.use('/version/api-keys', keys);

  const api = express.Router();
  api.use(auth);
  for (const method of ['get', 'post', 'put', 'delete'] as const) {
    api[method]('/orders{/:id}', (req, res) => res.json({ caller: principalOf(req).name, method: req.method, id: req.params['id'] ?? null }));
    api[method]('/customers{/:id}', (req, res) => res.json({ caller: principalOf(req).name, method: req.method, id: req.params['id'] ?? null }));
  }
  app.use('/endpoint', api);
  app.use(problems);

  const server = createServer(app);
  const channels = new Map<string, Set<WebSocket>>();
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1_024 });
  sockets.on('connection', (socket) => {
    // What a client sends wrongly ends its connection (ws does that by itself), not the process.
    socket.on('error', () => undefined);
    serveChannels(socket, channels);
  });
  server.on('upgrade', (req, socket, head) => {
    if (req.url?.split('?', 1)[0] === '/realtime') {
      upgrade(req, socket, head);
      return;
    }
    // A client that has gone by now is an error of its socket, and one that nobody hears ends the process.
    socket.on('error', () => socket.destroy());
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
  });
  const upgrade = authenticateUpgrade(keyring, { credentials: [...credentials, query('apiKey')] }, (req, socket, head, { onEnd }) => {
    sockets.handleUpgrade(req, socket, head, (client) => {
      onEnd(({ code }) => {
        client.close(1_008, code);
      });
      sockets.emit('connection', client, req);
    });
  });
  return { server, adminToken };
}

const MOST_CHANNELS = 100;

/** `{ "subscribe": "orders" }`, `{ "unsubscribe": "orders" }`, and `{ "channel": "orders", "message": … }` to all who listen. */
function serveChannels(socket: WebSocket, channels: Map<string, Set<WebSocket>>): void {
  const mine = new Set<string>();
  const leave = (channel: string): void => {
    mine.delete(channel);
    const listeners = channels.get(channel);
    listeners?.delete(socket);
    if (listeners?.size === 0) channels.delete(channel);
  };
  const isName = (value: unknown): value is string => typeof value === 'string' && value.length >= 1 && value.length <= 128;
  socket.on('message', (data: Buffer) => {
    let asked: { subscribe?: unknown; unsubscribe?: unknown; channel?: unknown; message?: unknown } | null;
    try {
      asked = JSON.parse(data.toString()) as typeof asked;
    } catch {
      asked = null;
    }
    if (isName(asked?.subscribe) && mine.size < MOST_CHANNELS) {
      mine.add(asked.subscribe);
      channels.set(asked.subscribe, (channels.get(asked.subscribe) ?? new Set()).add(socket));
      socket.send(JSON.stringify({ subscribed: asked.subscribe }));
    } else if (isName(asked?.unsubscribe)) leave(asked.unsubscribe);
    else if (isName(asked?.channel)) {
      const text = JSON.stringify({ channel: asked.channel, message: asked.message ?? null });
      for (const listener of channels.get(asked.channel) ?? []) listener.send(text);
    } else socket.send(JSON.stringify({ error: 'Send { subscribe }, { unsubscribe } or { channel, message }.' }));
  });
  socket.on('close', () => {
    for (const channel of mine) leave(channel);
  });
}

/** A form as keystile's rules; what it does not name stays as it was. */
function settingsOf(form: KeyForm, before: AccessRules | undefined): { access: AccessRules; expiresAt: number | null | undefined } {
  const { endpointAccess, endpoints = [], authorizedDomains, authorizedIPs, allowRealtime, expireDate } = form;
  const rules: Readonly<Record<NonNullable<KeyForm['endpointAccess']>, EndpointRules>> = {
    none: 'none',
    full: 'all',
    'custom-allowed': { allow: rulesOf(endpoints) },
    'custom-excluded': { deny: rulesOf(endpoints) },
  };
  return {
    access: {
      ...before,
      // A word that is none of these is for keystile to refuse: left out, it would mean full access.
      ...(endpointAccess !== undefined && { endpoints: Object.hasOwn(rules, endpointAccess) ? rules[endpointAccess] : (endpointAccess as never) }),
      ...(authorizedDomains !== undefined && { origins: authorizedDomains }),
      ...(authorizedIPs !== undefined && { ips: authorizedIPs === 'all' ? {} : { allow: authorizedIPs } }),
      realtime: allowRealtime ?? before?.realtime ?? false,
    },
    expiresAt: expireDate === undefined || expireDate === null ? expireDate : Date.parse(expireDate),
  };
}

/** Anything but a list goes on as it is: keystile says what is wrong with it. */
const rulesOf = (endpoints: readonly unknown[]): readonly string[] => (Array.isArray(endpoints) ? endpoints.map(beneathEndpoint) : (endpoints as never));

/** Developers name endpoints as their application knows them, without the place where the platform serves it. */
const beneathEndpoint = (rule: unknown): string => String(rule).replace(/^([A-Za-z]+ )?\//, (_all, method: string | undefined) => `${method ?? ''}/endpoint/`);

const shown = ({ id, name, masked, status, access, expiresAt, createdAt, lastUsedAt }: ApiKey): object => ({
  id, name, key: masked, status,
  allowRealtime: access?.realtime ?? false,
  endpoints: access?.endpoints ?? 'all',
  authorizedDomains: access?.origins ?? 'all',
  authorizedIPs: access?.ips?.allow ?? 'all',
  expireDate: iso(expiresAt), createdAt: iso(createdAt), lastUsedAt: iso(lastUsedAt),
});

const iso = (time: number | undefined): string | null => (time === undefined ? null : new Date(time).toISOString());

listenWhenMain(import.meta.url, () => {
  const { server, adminToken } = agnost({
    ...(process.env['ADMIN_TOKEN'] !== undefined && { adminToken: process.env['ADMIN_TOKEN'] }),
    ...(process.env['TRUST_PROXY'] !== undefined && { trustProxy: process.env['TRUST_PROXY'] }),
  });
  return { app: server, hello: `Developer: X-Developer-Token: ${adminToken}` };
});
