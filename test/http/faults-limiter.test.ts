import { describe, expect, it, jest } from '@jest/globals';
import { concurrent, memoryLimiter, perMinute, type Limiter, type OnLimiterError } from 'keystile';
import { fakeClock } from 'keystile/testing';
import { useApps, type TestApp } from '../support/app.js';
import { hosts, type TestHost } from '../support/hosts.js';
import { answering, failing, INSIDE, SHORT } from '../support/misbehaviour.js';
import { until } from '../support/spies.js';

// A rejection that nobody handles fails the test it happens in: Jest listens for it on the process.
jest.setTimeout(60_000);
const start = useApps();

const bucket = { id: 'key:x', group: 't', rules: [], whenFull: 'refuse' };
const rule = { kind: 'window', name: 'minute', limit: 2, windowMs: 60_000, per: 'key' };
const state = { bucket, rule, remaining: 1, resetMs: 5, violated: false };
const nonsense = answering([
  null, undefined, 'admitted', 5, true, [], {}, { outcome: 'yes' }, { outcome: 'admitted' }, { outcome: 'admitted', states: 'none' }, { outcome: 'admitted', states: [null] }, { outcome: 'admitted', states: ['x'] },
  { outcome: 'admitted', states: [{}] }, { outcome: 'admitted', states: [{ ...state, rule: null }] }, { outcome: 'admitted', states: [{ ...state, bucket: 'x' }] }, { outcome: 'admitted', states: [{ ...state, remaining: 'x\r\nSet-Cookie: a=b' }] },
  { outcome: 'admitted', states: [{ ...state, resetMs: Number.NaN }] }, { outcome: 'admitted', states: [{ ...state, rule: { ...rule, name: 'a"\r\nb' } }] }, { outcome: 'admitted', states: [], lease: 5 }, { outcome: 'admitted', states: [], lease: null },
  { outcome: 'limited' }, { outcome: 'limited', states: [null], retryAfterMs: 1 }, { outcome: 'limited', states: [], retryAfterMs: 'soon' }, { outcome: 'limited', states: [], retryAfterMs: Number.NaN }, { outcome: 'limited', states: [], retryAfterMs: -1 },
]);

async function startWith(host: TestHost, onLimiterError?: OnLimiterError): Promise<{ app: TestApp; limiter: Limiter }> {
  const limiter = { ...memoryLimiter({ clock: fakeClock() }) };
  const behind = new Proxy(limiter, { get: (target, name) => target[name as keyof Limiter] });
  const app = await start(host, { keyring: { limiter: behind, deadlines: SHORT, ...(onLimiterError && { onLimiterError }) } });
  return { app, limiter };
}

describe.each(hosts)('a limiter on $name that fails or answers nonsense', (host) => {
  it('is replaced by one in memory, which counts', async () => {
    const { app, limiter } = await startWith(host);
    for (const [how, fail] of [...failing, ...nonsense]) {
      limiter.consume = fail;
      const { key } = await app.issue({ limits: [perMinute(2)] });
      const statuses: number[] = [];
      for (let turn = 0; turn < 3; turn++) {
        const { status, text, headers } = await app.get('/items', { 'X-API-Key': key });
        statuses.push(status);
        expect(text + JSON.stringify(headers)).not.toContain(INSIDE);
      }
      expect([how, ...statuses]).toEqual([how, 200, 200, 429]);
      expect(app.faults.splice(0).length).toBe(3);
    }
  });

  it("closes the door under 'closed'", async () => {
    const { app, limiter } = await startWith(host, 'closed');
    const { key } = await app.issue({ limits: [perMinute(2)] });
    for (const [how, fail] of [...failing, ...nonsense]) {
      limiter.consume = fail;
      const { status, body, text } = await app.get('/items', { 'X-API-Key': key });
      expect([how, status, body.code]).toEqual([how, 503, 'limiter_unavailable']);
      expect(text).not.toContain(INSIDE);
    }
    expect(app.reached()).toBe(0);
    // A key without limits asks nobody, and one that is wrong is refused by authentication.
    await app.get('/items', { 'X-API-Key': (await app.issue()).key }).expect(200);
  });

  it("lets requests pass under 'open', but no wrong key", async () => {
    const { app, limiter } = await startWith(host, 'open');
    const { key } = await app.issue({ limits: [perMinute(1)] });
    for (const [, fail] of [...failing, ...nonsense]) {
      limiter.consume = fail;
      limiter.peek = fail;
      await app.get('/items', { 'X-API-Key': key }).expect(200);
      await app.get('/items', { 'X-API-Key': `${key}x` }).expect(401);
    }
  });

  it('says 503 when it has no room for the key, under every setting', async () => {
    for (const setting of ['local', 'closed', 'open'] as const) {
      const { app, limiter } = await startWith(host, setting);
      limiter.consume = () => ({ outcome: 'full' });
      const { key } = await app.issue({ limits: [perMinute(1)] });
      expect((await app.get('/items', { 'X-API-Key': key }).expect(503)).body.code).toBe('limiter_unavailable');
      expect(app.reached()).toBe(0);
    }
  });

  it('does not hurt requests by failing to take leases back or to renew them', async () => {
    const { app, limiter } = await startWith(host);
    for (const [, fail] of failing) {
      limiter.release = fail;
      limiter.renew = fail;
      const { key } = await app.issue({ limits: [concurrent(1)] });
      await app.get('/items', { 'X-API-Key': key }).expect(200);
    }
    await until(() => app.faults.length >= failing.length - 1, 'the faults reported');
    expect(app.reached()).toBe(failing.length);
  });
});
