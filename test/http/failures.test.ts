import { describe, expect, it } from '@jest/globals';
import { bcrypt, concurrent, perMinute, type Hasher } from 'keystile';
import { useApps, type TestApp } from '../support/app.js';
import { parseLimits } from '../support/fields.js';
import { hosts } from '../support/hosts.js';

const start = useApps();
const failures = (limit: number): { readonly limits: { readonly failures: readonly [ReturnType<typeof perMinute>] } } => ({ limits: { failures: [perMinute(limit, { per: 'ip', name: 'failures' })] } });
// The test's own proxy: the client says who it is.
const clientIp = (req: { headers: Record<string, unknown> }): string | undefined => req.headers['x-test-ip'] as string | undefined;

async function ask(app: TestApp, key: string | undefined, ip = '203.0.113.7'): Promise<string> {
  const response = await app.get('/items', { 'X-Test-IP': ip, ...(key !== undefined && { 'X-API-Key': key }) });
  return response.status === 200 ? 'ok' : (response.body as { code: string }).code;
}

describe.each(hosts)('failed attempts on $name', (host) => {
  it('become 429 past the limit, while valid keys pass', async () => {
    const app = await start(host, { keyring: failures(3), auth: { clientIp } });
    const { key } = await app.issue();
    const unknown = (): string => app.keyring.format.generate({ environment: 'live' }).key;
    expect([await ask(app, 'garbage'), await ask(app, unknown()), await ask(app, `${key}x`)]).toEqual(['malformed_key', 'invalid_key', 'malformed_key']);
    expect([await ask(app, 'garbage'), await ask(app, unknown()), await ask(app, key), await ask(app, 'garbage')]).toEqual(['too_many_failures', 'too_many_failures', 'ok', 'too_many_failures']);
    // Not from elsewhere, and not for ever.
    expect(await ask(app, 'garbage', '203.0.113.8')).toBe('malformed_key');
    app.clock.advance(60_000);
    expect(await ask(app, 'garbage')).toBe('malformed_key');
  });

  it('are told how long to wait', async () => {
    const app = await start(host, { keyring: failures(1), auth: { clientIp } });
    await ask(app, 'garbage');
    app.clock.advance(15_000);
    const { headers, body } = await app.get('/items', { 'X-Test-IP': '203.0.113.7', 'X-API-Key': 'garbage' }).expect(429);
    expect([headers['retry-after'], body['violated-policies'], parseLimits(headers['ratelimit'])]).toEqual(['45', ['failures'], { failures: { r: 0, t: 45 } }]);
  });

  it('do not include what proves its secret, or comes without a key', async () => {
    const app = await start(host, { keyring: failures(1), auth: { clientIp } });
    const { key } = await app.issue({ expiresAt: app.clock.now() });
    for (let turn = 0; turn < 3; turn++) expect([await ask(app, key), await ask(app, undefined)]).toEqual(['expired_key', 'missing_key']);
    expect(await ask(app, 'garbage')).toBe('malformed_key');
  });

  it('are counted by /56 in IPv6, by IPv4 where that is mapped, and together where no address can be read', async () => {
    const app = await start(host, { keyring: failures(1), auth: { clientIp } });
    const pairs = [['2001:db8:0:ff00::1', '2001:db8:0:ff12:3::4'], ['::ffff:198.51.100.1', '198.51.100.1'], ['unknown', '010.0.0.1']] as const;
    for (const [one, same] of pairs) expect([one, await ask(app, 'garbage', one), await ask(app, 'garbage', same)]).toEqual([one, 'malformed_key', 'too_many_failures']);
    expect(await ask(app, 'garbage', '2001:db8:0:fe00::1')).toBe('malformed_key');
  });

  it('cost no slow hashing past the limit', async () => {
    const slow = bcrypt({ cost: 4 });
    let compared = 0;
    const hashing: Hasher = { ...slow, verify: (key, stored) => { compared++; return slow.verify(key, stored); } };
    const app = await start(host, { keyring: { ...failures(2), hashing }, auth: { clientIp } });
    const { key } = await app.issue();
    const unknown = (): string => app.keyring.format.generate({ environment: 'live' }).key;
    expect([await ask(app, unknown()), await ask(app, unknown())]).toEqual(['invalid_key', 'invalid_key']);
    const before = compared;
    expect([await ask(app, unknown()), await ask(app, unknown()), compared - before]).toEqual(['too_many_failures', 'too_many_failures', 0]);
    // A valid key that is in use passes; one that would have to be hashed first waits as well.
    expect(await ask(app, key)).toBe('too_many_failures');
    expect([await ask(app, key, '203.0.113.9'), await ask(app, key)]).toEqual(['ok', 'ok']);
  });

  it('are not counted where that is switched off', async () => {
    const app = await start(host, { keyring: { limits: { failures: [] } } });
    for (let turn = 0; turn < 5; turn++) expect(await ask(app, 'garbage')).toBe('malformed_key');
  });
});

describe.each(hosts)('anonymous limits on $name', (host) => {
  it('count requests without a key by address, beside those with one', async () => {
    const app = await start(host, { auth: { clientIp, required: false, anonymousLimits: [perMinute(2, { per: 'ip' })] } });
    const { key } = await app.issue();
    expect([await ask(app, undefined), await ask(app, undefined), await ask(app, undefined)]).toEqual(['ok', 'ok', 'rate_limited']);
    expect([await ask(app, undefined, '203.0.113.8'), await ask(app, key)]).toEqual(['ok', 'ok']);
    expect(await ask(app, undefined, '2001:db8::1')).toBe('ok');
    app.clock.advance(60_000);
    expect(await ask(app, undefined)).toBe('ok');
  });

  it('are told with Retry-After, and hold places too', async () => {
    const app = await start(host, { auth: { clientIp, required: false, anonymousLimits: [perMinute(1, { per: 'ip' }), concurrent(1, { per: 'ip' })] } });
    await ask(app, undefined);
    const { headers, body } = await app.get('/items', { 'X-Test-IP': '203.0.113.7' }).expect(429);
    expect([headers['retry-after'], body['violated-policies']]).toEqual(['60', ['ip-minute']]);
    app.clock.advance(60_000);
    expect(await ask(app, undefined)).toBe('ok');
  });

  it('weigh requests by cost, and count a request once', async () => {
    const app = await start(host, { auth: { clientIp, required: false, cost: () => 2, anonymousLimits: [perMinute(4, { per: 'ip' })] }, routes: (auth, { handler }) => [auth, auth, handler] });
    expect([await ask(app, undefined), await ask(app, undefined), await ask(app, undefined)]).toEqual(['ok', 'ok', 'rate_limited']);
  });
});
