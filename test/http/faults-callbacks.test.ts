import { describe, expect, it, jest } from '@jest/globals';
import { perMinute, type ApiKeyAuthOptions, type Middleware } from 'keystile';
import { useApps, type Scope } from '../support/app.js';
import { hosts } from '../support/hosts.js';
import { answering, failing, INSIDE, SHORT } from '../support/misbehaviour.js';

// A rejection that nobody handles fails the test it happens in: Jest listens for it on the process.
jest.setTimeout(60_000);
const start = useApps();

interface Callback {
  readonly code?: string;
  /** Answers that are of the right type but mean nothing. */
  readonly nonsense: readonly unknown[];
  options(callback: () => never): ApiKeyAuthOptions<Scope>;
  /** Whether the request carries a key. */
  readonly withKey: boolean;
}

const callbacks: Readonly<Record<string, Callback>> = {
  credentials: { withKey: false, nonsense: [5, true, {}, ['awx_x'], []], options: (callback) => ({ required: false, credentials: callback }) },
  required: { withKey: false, nonsense: ['false', 0, 1, null, undefined, {}, []], options: (required) => ({ required }) },
  tenant: { withKey: true, nonsense: [5, true, {}, ['shop']], options: (tenant) => ({ tenant }) },
  cost: { withKey: true, code: 'limiter_unavailable', nonsense: ['1', -1, 0.5, Number.NaN, Infinity, null, undefined, {}, [1]], options: (cost) => ({ cost }) },
  'cost without a key': { withKey: false, code: 'limiter_unavailable', nonsense: ['1', -1, null], options: (cost) => ({ required: false, anonymousLimits: [perMinute(5, { per: 'ip' })], cost }) },
  clientIp: { withKey: true, nonsense: [5, true, {}, ['127.0.0.1'], null], options: (clientIp) => ({ clientIp }) },
  'clientIp without a key': { withKey: false, nonsense: [5, null], options: (clientIp) => ({ required: false, anonymousLimits: [perMinute(5, { per: 'ip' })], clientIp }) },
};

describe.each(hosts)('a callback on $name', (host) => {
  it.each(Object.keys(callbacks))('%s that fails or answers nonsense is a 503', async (name) => {
    const { options, nonsense, withKey, code } = callbacks[name]!;
    let misbehave: () => never = failing[0]![1];
    const app = await start(host, { keyring: { deadlines: SHORT }, auth: options(() => misbehave()) });
    const { key } = await app.issue({ tenantId: 'shop', limits: [perMinute(50)], access: { ips: { allow: ['127.0.0.1'] } } });
    for (const [how, fail] of [...failing, ...answering(nonsense)]) {
      misbehave = fail;
      const { status, body, text, headers } = await app.get('/items', withKey ? { 'X-API-Key': key } : {});
      const thrown = failing.some(([other]) => other === how);
      expect([how, status, body.code]).toEqual([how, 503, thrown ? expect.stringMatching(/_unavailable$/) : (code ?? 'store_unavailable')]);
      expect(text + JSON.stringify(headers)).not.toContain(INSIDE);
      expect(text + JSON.stringify(headers)).not.toContain(key);
      expect(app.faults.splice(0).length).toBeGreaterThan(0);
    }
    expect(app.reached()).toBe(0);
  });

  it('that finds a key for forbidApiKeys and fails is a 503 too', async () => {
    let misbehave: () => never = failing[0]![1];
    const { keyring, faults } = await start(host, { keyring: { deadlines: SHORT } });
    const guard: Middleware = host.apiKeyAuth(keyring, { credentials: () => misbehave() }).forbidApiKeys();
    const app = await start({ ...host, apiKeyAuth: (() => guard) as unknown as typeof host.apiKeyAuth });
    for (const [how, fail] of [...failing, ...answering([5, {}, ['awx_x']])]) {
      misbehave = fail;
      const { status, text } = await app.get('/account');
      expect([how, status]).toEqual([how, 503]);
      expect(text).not.toContain(INSIDE);
      expect(faults.splice(0).length).toBeGreaterThan(0);
    }
    expect(app.reached()).toBe(0);
  });

  it('that is a source of its own making is held to the same', async () => {
    const reads = [...failing, ...answering([null, undefined, 5, {}, [5], ['a', 'b']])];
    for (const [how, read] of reads) {
      const app = await start(host, { keyring: { deadlines: SHORT }, auth: { required: false, credentials: { kind: 'function', read, strip: () => undefined } } });
      const { status } = await app.get('/items');
      expect([how, [503, 400, 401].includes(status), app.reached()]).toEqual([how, true, 0]);
    }
  });

  it('that listens to events hurts nobody', async () => {
    const app = await start(host);
    const { key } = await app.issue();
    for (const [, fail] of failing.slice(0, 6)) {
      app.keyring.on('refused', fail);
      app.keyring.on('fault', fail);
    }
    await app.get('/items', { 'X-API-Key': `${key}x` }).expect(401);
    await app.get('/items', { 'X-API-Key': key }).expect(200);
    expect(app.faults.length).toBeGreaterThan(0);
  });
});

describe.each(hosts)('a closed keyring on $name', (host) => {
  it('lets nobody in', async () => {
    const app = await start(host);
    const { key } = await app.issue();
    await app.get('/items', { 'X-API-Key': key }).expect(200);
    await app.keyring.close();
    await app.get('/items', { 'X-API-Key': key }).expect(503);
    expect(app.reached()).toBe(1);
  });
});
