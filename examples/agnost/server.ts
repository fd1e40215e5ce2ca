/**
 * An application platform whose keys say where they may be used: on which endpoints, until when, from which domains and
 * addresses, and whether they may open a WebSocket.
 *
 * `npm run example agnost` prints one line of JSON: `adminToken`, a signed-in developer's, and the paths where keys are managed (`keys`)
 * and tried (`endpoints`, `realtime`), with the fields of the form, their words, and the messages of the WebSocket. `TRUST_PROXY` says whose `X-Forwarded-For` is believed, in Express's words: `false`, `true`, a number
 * of proxies, or a list such as `loopback, 10.0.0.0/8`; `loopback` unless said.
 *
 * Developers, with `Authorization: Bearer <adminToken>`:
 *   POST  /version/api-keys {name, allowRealtime?, endpointAccess?, endpoints?, expireDate?, authorizedDomains?, authorizedIPs?}
 *   GET   /version/api-keys        newest first; ?cursor= for the next page
 *   PATCH /version/api-keys/:id    what is not named stays; what GET shows may come back. GET and DELETE as well
 *     allowRealtime      false unless said
 *     endpointAccess     'full' unless said, 'none', 'custom-allowed', 'custom-excluded'; the custom ones go with
 *     endpoints          ['GET /orders/:id', '/customers', {path: '/orders', methods: ['PUT', 'POST']}]; no method: all of them
 *     expireDate         '2030-12-31', '2030-12-31T18:00:00Z'; null, or not said: never. A change may set it back, which ends the key
 *     authorizedDomains  'all' unless said, or ['app.example.com', '*.example.org']
 *     authorizedIPs      'all' unless said, or ['203.0.113.9', '2001:db8::/32']. No list may be empty
 * Applications, with `Authorization: <key>`, `Authorization: Bearer <key>` or `x-api-key: <key>`:
 *   GET, POST, PUT, PATCH, DELETE /endpoint/orders, /endpoint/orders/:id, /endpoint/customers, /endpoint/customers/:id
 *   WebSocket /realtime            the key also as ?apiKey=, or as the protocol `keystile.<key>` beside a protocol of the client's own
 *     {"subscribe": "news"}, {"unsubscribe": "news"} and {"channel": "news", "message": any} are answered by `subscribed`, `unsubscribed`,
 *     `sent` or `error`; all who have subscribed, the sender included, hear the last as it was sent. What counts here is `allowRealtime`,
 *     with the date, domains and addresses; endpoint access is about endpoints alone.
 * Errors: `{error, field?, code?}`.
 */
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import cors from 'cors';
import express, { Router, type Express, type Request, type RequestHandler, type Response } from 'express';
import { apiKeyAuth, authenticateUpgrade, bearer, createKeyring, header, principalOf, query, subprotocol } from 'keystile';
import type { AccessRules, ApiKey, CredentialFunction, EndpointRules, Keyring, RefusalInfo, UpgradeListener } from 'keystile';
import { WebSocketServer, type WebSocket } from 'ws';
import { z } from 'zod';
import { answers, bodyOf, iso, jsonOnly, Refused, setting, signIn, startWhenMain } from '../host.js';

export type Agnost = Awaited<ReturnType<typeof agnost>>;

/** `trustProxy` is Express's setting. `true` believes any address that a client claims: for servers that nobody but a proxy can reach. */
export async function agnost({ trustProxy = 'loopback' }: { trustProxy?: string | number | boolean } = {}) {
  const keyring = createKeyring({ formats: 'agn_{id}_{secret}{checksum}' });
  const auth = apiKeyAuth(keyring, { credentials: CREDENTIALS, refusals: { render } });
  const people = await signIn('agnost');
  const signedIn: RequestHandler = async (req, res, next) => {
    if ((await people.person(req)) === undefined) throw new Refused(401, 'Sign in as a developer.');
    next();
  };

  const app = express().set('trust proxy', trustProxy);
  app.use('/version/api-keys', auth.forbidApiKeys(), signedIn, express.json(), jsonOnly, management(keyring));
  // A preflight carries no key: it is answered before keys are asked for, and alike for every page, since the domains of a key are for
  // the request itself. Any page may read that it was refused.
  app.use('/endpoint', cors({ exposedHeaders: ['WWW-Authenticate', 'Retry-After'] }), auth, express.json(), endpoints());
  app.use(() => {
    throw new Refused(404, NOTHING);
  });
  app.use(answers(({ message, field, code }) => ({ error: message, field, code }), FIELDS));

  // Clients that vanish without a word are noticed by TCP.
  const server = createServer({ keepAlive: true, keepAliveInitialDelay: 30_000 }, app);
  const upgrade = realtime(keyring, app);
  server.on('upgrade', (req, socket, head) => {
    if (req.url?.split('?', 1)[0] === '/realtime') upgrade(req, socket, head);
    else answer(socket, '404 Not Found', NOTHING);
  });
  const adminToken = await people.issue({ sub: 'developer' });
  return { server, keyring, facts: { adminToken, ...PLACES } };
}

const PLACES = {
  keys: '/version/api-keys',
  form: ['name', 'allowRealtime', 'endpointAccess', 'endpoints', 'expireDate', 'authorizedDomains', 'authorizedIPs'],
  endpointAccess: ['none', 'full', 'custom-allowed', 'custom-excluded'],
  endpoints: ['/endpoint/orders', '/endpoint/customers'],
  realtime: '/realtime',
  messages: [{ subscribe: 'news' }, { unsubscribe: 'news' }, { channel: 'news', message: 'hello' }],
};
const NOTHING = 'There is nothing here.';
/** `Authorization: <key>`, without a scheme. */
const bare: CredentialFunction = ({ headers: { authorization } }) => (authorization?.startsWith('agn_') === true ? authorization : undefined);
const CREDENTIALS = [bare, bearer(), header('x-api-key')];
const render = ({ detail, code }: RefusalInfo): object => ({ error: detail, code });
/** What keystile's settings are called in the form. */
const FIELDS = {
  expiresAt: 'expireDate',
  'access.origins': 'authorizedDomains',
  'access.ips.allow': 'authorizedIPs',
  'access.endpoints.allow': 'endpoints',
  'access.endpoints.deny': 'endpoints',
  'list.cursor': 'cursor',
};

const ENDPOINT = "must be 'GET /orders/:id', '/orders' for all methods, or { path, methods }";
const perMethod = z.strictObject({ path: z.string().regex(/^\/\S*$/), methods: z.array(z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])).min(1) });
const endpoint = z.union(
  [z.string().regex(/^([A-Z-]+ )?\/\S*$/, ENDPOINT).transform((rule) => [rule]), perMethod.transform(({ path, methods }) => methods.map((method) => `${method} ${path}`))],
  ENDPOINT,
);
// Empty lists are slips: one of exceptions would open everything, and any other makes a key useless, which `none` says more clearly.
const EMPTY = 'must name at least one';
const allOr = (things: string): z.ZodType<'all' | string[]> => z.union([z.literal('all'), z.array(z.string()).min(1, EMPTY)], `must be 'all' or a list of ${things}`);
/** The first moment in which the key no longer works. A date alone is its beginning, in UTC. */
const date = z.union([z.iso.date(), z.iso.datetime({ offset: true })], 'must be a date that exists, as 2030-12-31 or 2030-12-31T18:00:00Z, or null').transform((text) => new Date(text));

/** What a key's page in the settings asks for. */
const FORM = z.strictObject({
  name: z.string(),
  allowRealtime: z.boolean().optional(),
  endpointAccess: z.enum(['none', 'full', 'custom-allowed', 'custom-excluded']).optional(),
  endpoints: z.array(endpoint).min(1, EMPTY).transform((rules) => rules.flat().map(mounted)).optional(),
  expireDate: date.nullish(),
  authorizedDomains: allOr('domains').optional(),
  authorizedIPs: allOr('addresses and networks').optional(),
});
const NEW_KEY = FORM.extend({ expireDate: date.refine((time) => time.getTime() > Date.now(), 'must be in the future').nullish() });
type Form = Partial<z.infer<typeof FORM>>;

/** A change may bring back what only the platform says of a key, but not otherwise than it is; the last use moves on by itself. */
function changeOf(apiKey: ApiKey) {
  const { id, key, status, createdAt } = shown(apiKey);
  const same = (value: string | null) => z.literal(value).optional();
  return FORM.partial().extend({ id: same(id), key: same(key), status: same(status), createdAt: same(createdAt), lastUsedAt: z.unknown().optional() });
}

/** A form as keystile's rules; what it does not name stays as it was. */
function accessOf({ allowRealtime, authorizedDomains, authorizedIPs, ...form }: Form, before: AccessRules = {}): AccessRules {
  return {
    realtime: allowRealtime ?? before.realtime ?? false,
    endpoints: endpointsOf(form, before.endpoints ?? 'all'),
    origins: authorizedDomains ?? before.origins ?? 'all',
    ips: authorizedIPs === undefined ? (before.ips ?? {}) : authorizedIPs === 'all' ? {} : { allow: authorizedIPs },
  };
}

/** A list without its mode, or a mode without its list, is never guessed at: either guess could give more than was meant. */
function endpointsOf({ endpointAccess, endpoints }: Form, before: EndpointRules): EndpointRules {
  const mode = endpointAccess ?? modeOf(before);
  const custom = mode === 'custom-allowed' || mode === 'custom-excluded';
  if (!custom && endpoints !== undefined) throw new Refused(422, "endpoints: need endpointAccess 'custom-allowed' or 'custom-excluded'", 'endpoints');
  if (!custom) return mode === 'full' ? 'all' : 'none';
  const list = endpoints ?? listOf(before);
  if (list === undefined) throw new Refused(422, `endpoints: ${EMPTY} for endpointAccess '${mode}'`, 'endpoints');
  return mode === 'custom-allowed' ? { allow: list } : { deny: list };
}

const listOf = (rules: EndpointRules): readonly string[] | undefined => (typeof rules === 'string' ? undefined : (rules.allow ?? rules.deny));
function modeOf(rules: EndpointRules): NonNullable<Form['endpointAccess']> {
  if (typeof rules === 'string') return rules === 'all' ? 'full' : 'none';
  return rules.allow === undefined ? 'custom-excluded' : 'custom-allowed';
}

/** Developers name endpoints as their application knows them; keystile's rules are about where the platform serves them. */
const mounted = (rule: string): string => rule.replace(/^(\S+ )?(?!\/endpoint(?![^/{]))\//i, '$1/endpoint/');
const unmounted = (rule: string): string => rule.replace(/^(\S+ )?\/endpoint\/(?!endpoint(?![^/{]))/i, '$1/');

const shown = ({ id, name, masked, status, access = {}, expiresAt, createdAt, lastUsedAt }: ApiKey) => ({
  id, name, key: masked, status,
  allowRealtime: access.realtime ?? false,
  endpointAccess: modeOf(access.endpoints ?? 'all'), endpoints: listOf(access.endpoints ?? 'all')?.map(unmounted),
  authorizedDomains: access.origins ?? 'all',
  authorizedIPs: access.ips?.allow ?? 'all',
  expireDate: iso(expiresAt), createdAt: iso(createdAt), lastUsedAt: iso(lastUsedAt),
});

function management(keyring: Keyring): Router {
  const known = async (id: string, deleted = false): Promise<ApiKey> => {
    const apiKey = /^\w{1,64}$/.test(id) ? await keyring.get(id, { deleted }) : undefined;
    if (apiKey === undefined) throw new Refused(404, 'There is no such key.');
    return apiKey;
  };
  const keys = Router();
  keys.get('/', async ({ query: { cursor } }, res) => {
    const page = await keyring.list({ limit: 500, ...(cursor !== undefined && { cursor: cursor as string }) });
    res.json({ keys: page.keys.map(shown), nextCursor: page.nextCursor ?? null });
  });
  keys.post('/', async (req, res) => {
    const { name, expireDate, ...form } = bodyOf(req, NEW_KEY);
    const { key, apiKey } = await keyring.create({ name, access: accessOf(form), ...(expireDate && { expiresAt: expireDate }) });
    res.status(201).set('Cache-Control', 'no-store').json({ ...shown(apiKey), key });
  });
  keys.get('/:id', async (req, res) => res.json(shown(await known(req.params.id))));
  // The id may stand in the body as well.
  keys.patch('{/:id}', async (req, res) => {
    const { id } = req.body === undefined ? {} : (req.body as { id?: unknown });
    const before = await known(req.params.id ?? String(id));
    const { name, expireDate, ...form } = bodyOf(req, changeOf(before));
    // What is not named stays as it was when it was read; of two changes at once one is told to look again (409).
    const change = { name, access: accessOf(form, before.access), expiresAt: expireDate };
    res.json(shown(await keyring.update(before.id, change, { version: before.version })));
  });
  // A second time changes nothing.
  keys.delete('/:id', async (req, res) => {
    await keyring.delete((await known(req.params.id, true)).id);
    res.status(204).end();
  });
  return keys;
}

/** What an application might have, to try keys on. */
function endpoints(): Router {
  const api = Router();
  const echo = (req: Request, res: Response): void => {
    res.json({ caller: principalOf(req).name, address: req.ip, method: req.method, path: req.path });
  };
  for (const place of ['/orders{/:id}', '/customers{/:id}']) api.route(place).get(echo).post(echo).put(echo).patch(echo).delete(echo);
  return api;
}

/** Together they bound what clients can make the server remember: 100,000 subscriptions, and 512 MB for those who do not listen. */
const MOST = { sockets: 1_000, channels: 100, message: 64 * 1_024, unheard: 512 * 1_024 };

function realtime(keyring: Keyring, app: Express): UpgradeListener {
  const channels = new Map<string, Set<WebSocket>>();
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MOST.message });
  sockets.on('wsClientError', ({ message }, socket) => {
    answer(socket, '400 Bad Request', message);
  });
  const options = {
    credentials: [...CREDENTIALS, query('apiKey'), query('api_key'), subprotocol()],
    refusals: { render },
    // An upgrade does not pass through Express. Made one of its requests, as Express itself makes every other, it has an `ip` by the
    // same `trust proxy`.
    clientIp: (req: object) => (Object.setPrototypeOf(req, app.request) as Request).ip,
  };
  return authenticateUpgrade(keyring, options, (req, socket, head, { onEnd }) => {
    if (sockets.clients.size >= MOST.sockets) {
      answer(socket, '503 Service Unavailable', 'Too many connections.');
      return;
    }
    sockets.handleUpgrade(req, socket, head, (client) => {
      onEnd(({ code }) => {
        client.close(1_008, code);
      });
      serveChannels(client, channels);
    });
  });
}

/** An HTTP answer to an upgrade, which comes without a response. */
function answer(socket: Duplex, status: string, error: string): void {
  const body = JSON.stringify({ error });
  // A client that has gone by now is an error of its socket, and one that nobody hears ends the process.
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${String(Buffer.byteLength(body))}\r\n\r\n${body}`, () => socket.destroy());
}

const channelName = z.string().min(1).max(128);
const request = z.union([
  z.strictObject({ subscribe: channelName }),
  z.strictObject({ unsubscribe: channelName }),
  z.strictObject({ channel: channelName, message: z.unknown() }).transform((said) => ({ sent: said.channel, text: JSON.stringify(said) })),
]);
const HOW_TO_ASK = 'Send text: {"subscribe": channel}, {"unsubscribe": channel} or {"channel": channel, "message": any JSON}; a channel is a name of 1 to 128 characters.';

/** Undefined for what is none, and for what is nested too deeply to be written again. */
function requestOf(data: Buffer, isBinary: boolean): z.infer<typeof request> | undefined {
  try {
    return isBinary ? undefined : request.parse(JSON.parse(data.toString()));
  } catch {
    return undefined;
  }
}

function serveChannels(socket: WebSocket, channels: Map<string, Set<WebSocket>>): void {
  const mine = new Set<string>();
  const enter = (channel: string): object => {
    if (!mine.has(channel) && mine.size >= MOST.channels) return { error: `A connection has at most ${String(MOST.channels)} channels.` };
    mine.add(channel);
    channels.set(channel, (channels.get(channel) ?? new Set()).add(socket));
    return { subscribed: channel };
  };
  const leave = (channel: string): object => {
    const listeners = channels.get(channel);
    if (listeners?.delete(socket) === true && listeners.size === 0) channels.delete(channel);
    mine.delete(channel);
    return { unsubscribed: channel };
  };
  const send = (channel: string, text: string): object => {
    // One whose key has just ended is taking its leave.
    const listeners = [...(channels.get(channel) ?? [])].filter(({ readyState, OPEN }) => readyState === OPEN);
    for (const listener of listeners) tell(listener, text);
    return { sent: channel, listeners: listeners.length };
  };
  const answerTo = (asked: z.infer<typeof request>): object => {
    if ('subscribe' in asked) return enter(asked.subscribe);
    return 'unsubscribe' in asked ? leave(asked.unsubscribe) : send(asked.sent, asked.text);
  };
  socket.on('message', (data: Buffer, isBinary) => {
    const asked = requestOf(data, isBinary);
    tell(socket, JSON.stringify(asked === undefined ? { error: HOW_TO_ASK } : answerTo(asked)));
  });
  socket.on('ping', () => {
    heed(socket);
  });
  // What a client sends against the protocol ends its connection (ws does that by itself), not the process.
  socket.on('error', () => undefined);
  socket.on('close', () => mine.forEach(leave));
}

function tell(client: WebSocket, text: string): void {
  client.send(text);
  heed(client);
}

/** Nobody is waited for: what a client does not take in would pile up here. */
function heed(client: WebSocket): void {
  if (client.bufferedAmount > MOST.unheard) client.terminate();
}

/** `TRUST_PROXY`. What Express would not take ends the program: without it the proxy's address would pass for everybody's. */
const trust = z
  .string()
  .default('loopback')
  .transform((text) => (text === 'true' || text === 'false' ? text === 'true' : /^\d+$/.test(text) ? Number(text) : text))
  .refine(isTrust, 'must be true, false, a number of proxies, or a list of addresses, networks, loopback, linklocal and uniquelocal');

function isTrust(trustProxy: string | number | boolean): boolean {
  try {
    express().set('trust proxy', trustProxy);
    return true;
  } catch {
    return false;
  }
}

await startWhenMain(import.meta.url, () => agnost({ trustProxy: setting('TRUST_PROXY', trust) }));
