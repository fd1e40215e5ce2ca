import { describe, expect, it } from '@jest/globals';
import { concurrent, perDay, perMinute, perSecond, type Middleware } from 'keystile';
import { useApps } from '../support/app.js';
import { parseLimits } from '../support/fields.js';
import { hosts } from '../support/hosts.js';

const start = useApps();
const MINUTE = 60_000;

describe.each(hosts)('limits on $name', (host) => {
  it('count down in RateLimit, under the policies of RateLimit-Policy', async () => {
    const app = await start(host, { keyring: { plans: { starter: [perMinute(3), perDay(100), concurrent(5)] } } });
    const { key } = await app.issue({ plan: 'starter' });
    for (const left of [2, 1, 0]) {
      const { headers } = await app.get('/items', { 'X-API-Key': key }).expect(200);
      expect(parseLimits(headers['ratelimit-policy'])).toEqual({ minute: { q: 3, w: 60 }, day: { q: 100, w: 86_400 }, concurrency: { q: 5, qu: 'concurrent-requests' } });
      const limits = parseLimits(headers['ratelimit']);
      expect(limits).toMatchObject({ minute: { r: left }, day: { r: 97 + left } });
      for (const { t } of Object.values(limits)) expect(Number.isInteger(t) && Number(t) > 0).toBe(true);
    }
  });

  it('answer 429 with what was violated alone, and spend nothing by it', async () => {
    const app = await start(host);
    const { key } = await app.issue({ limits: [perMinute(2), perDay(100)] });
    const ask = async (): Promise<Record<string, string>> => (await app.get('/items', { 'X-API-Key': key })).headers;
    await ask();
    app.clock.advance(20_000);
    await ask();
    for (let attempt = 0; attempt < 3; attempt++) {
      const response = await app.get('/items', { 'X-API-Key': key }).expect(429);
      expect(response.body).toMatchObject({ code: 'rate_limited', 'violated-policies': ['minute'] });
      expect(parseLimits(response.headers['ratelimit'])).toEqual({ minute: { r: 0, t: 40 } });
      expect(Object.keys(parseLimits(response.headers['ratelimit-policy']))).toContain('minute');
      expect(response.headers['retry-after']).toBe('40');
    }
    app.clock.advance(40_000);
    expect(parseLimits((await ask())['ratelimit'])).toMatchObject({ day: { r: 97 } });
    expect(app.reached()).toBe(3);
  });

  it('name every violated policy and wait for the longest', async () => {
    const app = await start(host);
    const { key } = await app.issue({ limits: [perSecond(1), perMinute(1), perDay(50)] });
    await app.get('/items', { 'X-API-Key': key }).expect(200);
    const { body, headers } = await app.get('/items', { 'X-API-Key': key }).expect(429);
    expect(body['violated-policies']).toEqual(['second', 'minute']);
    expect(Object.keys(parseLimits(headers['ratelimit']))).toEqual(['second', 'minute']);
    expect(headers['retry-after']).toBe('60');
  });

  it('admit a lone client that waits Retry-After, and not before', async () => {
    const app = await start(host);
    const { key } = await app.issue({ limits: [perMinute(1)] });
    await app.get('/items', { 'X-API-Key': key }).expect(200);
    app.clock.advance(12_345);
    const wait = Number((await app.get('/items', { 'X-API-Key': key }).expect(429)).headers['retry-after']);
    app.clock.advance(MINUTE - 12_345 - 1);
    await app.get('/items', { 'X-API-Key': key }).expect(429);
    app.clock.advance(wait * 1_000 - (MINUTE - 12_345 - 1));
    await app.get('/items', { 'X-API-Key': key }).expect(200);
  });

  it('show the older headers when asked, for the tightest window', async () => {
    const app = await start(host, { auth: { headers: { legacy: true, rateLimit: false } } });
    const { key } = await app.issue({ limits: [perMinute(2), perDay(1_000)] });
    const { headers } = await app.get('/items', { 'X-API-Key': key }).expect(200);
    expect(headers).toMatchObject({ 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': String((app.clock.now() + MINUTE) / 1_000) });
    expect(headers['ratelimit'] ?? headers['ratelimit-policy']).toBeUndefined();
    await app.get('/items', { 'X-API-Key': key }).expect(200);
    await app.get('/items', { 'X-API-Key': key }).expect(429).expect('X-RateLimit-Remaining', '0').expect('Retry-After', '60');
  });

  it('hide buckets shared with others unless they said no', async () => {
    const app = await start(host);
    const limits = [perMinute(10), perMinute(2, { per: 'tenant' })];
    const [one, two] = [await app.issue({ tenantId: 'shop', limits }), await app.issue({ tenantId: 'shop', limits })];
    const elsewhere = await app.issue({ tenantId: 'other', limits });
    for (const { key } of [one, two]) {
      const { headers } = await app.get('/items', { 'X-API-Key': key }).expect(200);
      expect(Object.keys(parseLimits(headers['ratelimit']))).toEqual(['minute']);
      expect(Object.keys(parseLimits(headers['ratelimit-policy']))).toEqual(['minute']);
    }
    const { headers, body } = await app.get('/items', { 'X-API-Key': one.key }).expect(429);
    expect(body['violated-policies']).toEqual(['tenant-minute']);
    expect(parseLimits(headers['ratelimit'])).toEqual({ 'tenant-minute': { r: 0, t: 60 } });
    expect(parseLimits(headers['ratelimit-policy'])['tenant-minute']).toEqual({ q: 2, w: 60 });
    await app.get('/items', { 'X-API-Key': elsewhere.key }).expect(200);
  });

  it('are weighed by cost; what can never pass is not told to wait', async () => {
    const app = await start(host, { auth: { cost: (req) => Number(new URL(req.url ?? '', 'http://a').searchParams.get('n')) } });
    const { key } = await app.issue({ limits: [perMinute(10)] });
    const left = async (n: number): Promise<unknown> => parseLimits((await app.get(`/items?n=${n}`, { 'X-API-Key': key }).expect(200)).headers['ratelimit'])['minute']?.['r'];
    expect([await left(7), await left(0), await left(3), await left(0)]).toEqual([3, 3, 0, 0]);
    await app.get('/items?n=1', { 'X-API-Key': key }).expect(429).expect('Retry-After', '60');
    const { headers } = await app.get('/items?n=11', { 'X-API-Key': key }).expect(429);
    expect(headers['retry-after']).toBeUndefined();
  });

  it('are not spent by requests that are refused before', async () => {
    const app = await start(host, { auth: { tenant: (req) => (req.headers['x-tenant'] as string | undefined) ?? null } });
    const { key } = await app.issue({ limits: [perMinute(1)], tenantId: 'shop', access: { endpoints: { allow: ['GET /items'] } } });
    await app.get('/other', { 'X-API-Key': key }).expect(403);
    await app.get('/items', { 'X-API-Key': key, 'X-Tenant': 'else' }).expect(403);
    await app.get('/items', { 'X-API-Key': `${key}x` }).expect(401);
    await app.get('/items', { 'X-API-Key': key }).expect(200);
    await app.get('/items', { 'X-API-Key': key }).expect(429);
  });

  it('of the key replace its plan\'s, and those the default', async () => {
    const app = await start(host, { keyring: { limits: { default: [perMinute(1)] }, plans: { big: [perDay(7)] } } });
    const policies = async (settings: Parameters<typeof app.issue>[0]): Promise<string[]> => {
      const { key } = await app.issue(settings);
      return Object.keys(parseLimits((await app.get('/items', { 'X-API-Key': key }).expect(200)).headers['ratelimit-policy']));
    };
    expect(await policies({})).toEqual(['minute']);
    expect(await policies({ plan: 'big' })).toEqual(['day']);
    expect(await policies({ plan: 'big', limits: [perSecond(5)] })).toEqual(['second']);
    expect(await policies({ plan: 'big', limits: [] })).toEqual([]);
  });

  it('are counted once however often the middleware is met', async () => {
    const again: Middleware[] = [];
    const app = await start(host, { routes: (auth, { keyring, handler }) => [['/items', auth], host.apiKeyAuth(keyring), ...again, handler] });
    const { key } = await app.issue({ limits: [perMinute(2)] });
    for (const left of [1, 0]) {
      const { headers } = await app.get('/items/7', { 'X-API-Key': key }).expect(200);
      expect(parseLimits(headers['ratelimit'])).toMatchObject({ minute: { r: left } });
    }
    await app.get('/items/7', { 'X-API-Key': key }).expect(429);
  });
});
