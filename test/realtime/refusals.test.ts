import { describe, expect, it } from '@jest/globals';
import { perMinute, query, subprotocol } from 'keystile';
import { everyRefusal, refusalCodes } from '../support/every-refusal.js';
import { parseChallenges, parseLimits } from '../support/fields.js';
import { EXPRESS_5, NODE_HTTP, type TestHost } from '../support/hosts.js';
import { INSIDE } from '../support/misbehaviour.js';
import { useLiveApps, type Client, type LiveSettings } from '../support/upgrades.js';

const start = useLiveApps();
type Code = keyof typeof everyRefusal;

/** Not asked of upgrades: endpoint rules, routes for people only, tokens. */
const OF_REQUESTS_ONLY: readonly string[] = ['endpoint_not_allowed', 'api_key_not_accepted', 'invalid_token'];
const codes = refusalCodes.filter((code) => !OF_REQUESTS_ONLY.includes(code));

async function refuse(host: TestHost, code: Code, more: LiveSettings = {}): Promise<NonNullable<Client['refusal']>> {
  const { app: way = {}, headers: headersOf } = everyRefusal[code];
  const { deliver: _deliver, ...refusals } = way.auth?.refusals ?? {};
  const { headers: _headers, ...shared } = way.auth ?? {};
  const app = await start(host, { ...(way.keyring && { keyring: way.keyring }), ...(way.handler && { handler: way.handler }), ...(way.auth && { auth: way.auth }), ...more, upgrade: { ...shared, refusals, ...more.upgrade } });
  const headers = await headersOf(app);
  const { refusal } = await app.dial({ headers });
  const key = headers['X-API-Key'] ?? '';
  if (key.length > 8) expect(JSON.stringify(refusal)).not.toContain(key);
  expect([app.admitted, app.open.size]).toEqual([[], 0]);
  return refusal!;
}

describe.each([EXPRESS_5, NODE_HTTP])('every refusal of an upgrade beside $name', (host) => {
  it.each(codes)('%s is a problem with its status, never stored, and ends the connection', async (code) => {
    const { status } = everyRefusal[code];
    const { headers, body, ...refusal } = await refuse(host, code);
    expect(refusal.status).toBe(status);
    expect(headers).toMatchObject({ 'content-type': 'application/problem+json', 'cache-control': 'no-store', connection: 'close', 'content-length': String(Buffer.byteLength(body)) });
    expect(JSON.parse(body)).toMatchObject({ status, code, title: expect.any(String), detail: expect.any(String) });
    expect('retry-after' in headers).toBe(status === 429);
    expect('www-authenticate' in headers).toBe(status === 401);
    if (status === 401) expect(parseChallenges(headers['www-authenticate']).map(({ scheme }) => scheme)).toEqual(['ApiKey', 'Bearer']);
  });

  it('tells the violated limit, as for a request', async () => {
    const app = await start(host);
    const { key } = await app.issue({ limits: [perMinute(1)] });
    await app.dial({ headers: { 'X-API-Key': key } });
    const { refusal } = await app.dial({ headers: { 'X-API-Key': key } });
    expect([refusal?.status, refusal?.headers['retry-after']]).toEqual([429, '60']);
    expect(parseLimits(refusal?.headers['ratelimit'] as string)).toEqual({ minute: { r: 0, t: 60 } });
    expect(parseLimits(refusal?.headers['ratelimit-policy'] as string)).toEqual({ minute: { q: 1, w: 60 } });
  });

  it('challenges with something even where no scheme fits', async () => {
    expect((await refuse(host, 'missing_key', { upgrade: { credentials: [query(), subprotocol()] } })).headers['www-authenticate']).toBe('ApiKey');
  });

  it('says it in the host\'s own words', async () => {
    const words = { messages: { missing_key: 'Send your key.' }, render: ({ code, detail }: { code: string; detail: string }) => ({ code, detail }) };
    const { headers, body } = await refuse(host, 'missing_key', { upgrade: { refusals: words } });
    expect([headers['content-type'], JSON.parse(body)]).toEqual(['application/json; charset=utf-8', { code: 'missing_key', detail: 'Send your key.' }]);
  });

  it('says nothing of what went wrong inside', async () => {
    const fail = (): never => { throw new Error(INSIDE); };
    const { status, body } = await refuse(host, 'missing_key', { upgrade: { required: fail } });
    expect([status, JSON.parse(body).code, body.includes(INSIDE)]).toEqual([503, 'store_unavailable', false]);
  });

  it('refuses a key and another key, wherever they stand', async () => {
    const app = await start(host);
    const [one, two] = [await app.issue(), await app.issue()];
    const ways = [{ headers: { 'X-API-Key': one.key }, protocols: ['chat', `keystile.${two.key}`] }, { protocols: [`keystile.${one.key}`, `keystile.${two.key}`] }, { headers: { Authorization: `Bearer ${one.key}` }, protocols: [`keystile.${two.key}`] }];
    for (const way of ways) expect(JSON.parse((await app.dial(way)).refusal?.body ?? '{}').code).toBe('ambiguous_credentials');
    expect(app.admitted).toEqual([]);
  });
});
