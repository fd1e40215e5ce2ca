import { describe, expect, it } from '@jest/globals';
import { createKeyring, memoryStore, type Principal } from 'keystile';
import { tokenExchange, type ExchangeRequest } from 'keystile/jwt';
import fc from 'fast-check';
import { decodeJwt } from 'jose';
import { failure } from '../core/support.js';
import { answering, failing, SHORT } from '../support/misbehaviour.js';
import { gate } from '../support/spies.js';
import { bench, type TokenBench } from './support.js';

const principalOf = async ({ keyring }: Pick<TokenBench, 'keyring'>, key: string): Promise<Principal> => {
  const verification = await keyring.verify(key);
  if (!verification.ok) throw new Error(verification.code);
  return verification.principal;
};

const started = async (settings: Parameters<typeof bench>[0] = {}, key: Parameters<TokenBench['issue']>[0] = {}): Promise<TokenBench & { principal: Principal; id: string; ask(request: Partial<Record<keyof ExchangeRequest, unknown>>): Promise<unknown> }> => {
  const made = bench(settings);
  const { key: text, id } = await made.issue(key);
  const principal = await principalOf(made, text);
  const ask = async (request: Partial<Record<keyof ExchangeRequest, unknown>>): Promise<unknown> => {
    const answer = await made.exchange.exchange(principal, { subject: 'ada', ...request } as ExchangeRequest);
    return answer.ok ? answer : answer.code;
  };
  return { ...made, principal, id, ask };
};

describe('exchange()', () => {
  it('makes a token for the user, as long-lived and for whom the issuer says', async () => {
    const { ask, clock } = await started({ issuer: { audience: ['https://api.example.com', 'https://files.example.com'], lifetime: 60_000 } });
    expect(await ask({})).toMatchObject({ ok: true, subject: 'ada', scopes: ['write', 'read'], audience: ['https://api.example.com'], expiresAt: clock.now() + 60_000, expiresInSeconds: 60 });
    expect(await ask({ audience: 'https://files.example.com' })).toMatchObject({ audience: ['https://files.example.com'] });
    const both = (await ask({ audience: ['https://files.example.com', 'https://api.example.com'] })) as { token: string };
    expect(decodeJwt(both.token)['aud']).toEqual(['https://files.example.com', 'https://api.example.com']);
    for (const audience of ['https://evil.example.com', ['https://api.example.com', 'x'], [], [5], 5, '']) expect(await ask({ audience })).toBe('invalid_target');
  });

  it('gives each token an id of its own', async () => {
    const { ask } = await started();
    const made = (await Promise.all(Array.from({ length: 20 }, async () => ask({})))) as { tokenId: string }[];
    expect(new Set(made.map(({ tokenId }) => tokenId)).size).toBe(20);
  });

  it('only ever narrows scopes, whatever is asked for', async () => {
    const made = bench();
    await fc.assert(
      fc.asyncProperty(fc.subarray(['read', 'write']), fc.array(fc.oneof(fc.constantFrom('read', 'write', 'admin', '', '__proto__', 'read write'), fc.string(), fc.integer())), async (own, wanted) => {
        const { key } = await made.issue({ scopes: own as ['read'] });
        const principal = await principalOf(made, key);
        const answer = await made.exchange.exchange(principal, { subject: 'ada', scopes: wanted as string[] });
        const within = wanted.every((scope) => principal.scopes.includes(scope as string));
        expect(answer.ok ? [...answer.scopes].sort() : answer.code).toEqual(within ? [...new Set(wanted)].sort() : 'invalid_scope');
        if (answer.ok) expect(decodeJwt(answer.token)['scope']).toBe(answer.scopes.join(' '));
      }),
      { numRuns: 60 },
    );
    for (const scopes of ['read', null, 5, {}]) expect(await (await started()).ask({ scopes })).toBe('invalid_scope');
  });

  it.each([[''], ['a'.repeat(257)], ['a\nb'], ['a\u0000'], ['a\u0085b'], ['\ud800'], [5], [null], [undefined], [['ada']], [{ id: 'ada' }]])('refuses %j as a user', async (subject) => {
    const asked: unknown[] = [];
    const { ask } = await started({ mayActFor: (_key, user): boolean => asked.push(user) > 0 });
    expect(await ask({ subject })).toBe('invalid_subject');
    expect(asked).toEqual([]);
  });

  it('asks the host about key, user and request, and takes no for an answer', async () => {
    const asked: unknown[] = [];
    const made = await started({ mayActFor: (key, subject, req) => { asked.push([key.id, subject, req]); return subject === 'ada'; } });
    expect(await made.ask({ subject: 'eve' })).toBe('subject_not_allowed');
    const req = { url: '/' } as never;
    expect((await made.exchange.exchange(made.principal, { subject: 'ada' }, req)).ok).toBe(true);
    expect(asked).toEqual([[made.id, 'eve', undefined], [made.id, 'ada', req]]);
  });

  it.each([...failing, ...answering([undefined, null, 1, 'yes', {}])])('makes no token when mayActFor %s', async (_how, mayActFor) => {
    const { ask } = await started({ mayActFor, keyring: { deadlines: SHORT } });
    expect(await failure(() => ask({}))).toEqual(['store_unavailable']);
  });

  it('ends with its key at the latest', async () => {
    const { ask, clock, keyring, id } = await started();
    await keyring.update(id, { expiresAt: clock.now() + 90_500 });
    expect(await ask({})).toMatchObject({ expiresInSeconds: 90 });
    await keyring.rotate(id, { gracePeriod: 30_000 });
    expect(await ask({})).toMatchObject({ expiresInSeconds: 30 });
    clock.advance(30_000);
    expect(await ask({})).toBe('key_not_active');
    // Tokens count in whole seconds: of a key's last one nothing is left to give.
    const last = await started();
    await last.keyring.update(last.id, { expiresAt: last.clock.now() + 999 });
    expect(await last.ask({})).toBe('key_not_active');
  });

  it.each([
    ['revoked', async ({ keyring, id }: { keyring: TokenBench['keyring']; id: string }) => keyring.revoke(id)],
    ['disabled', async ({ keyring, id }: { keyring: TokenBench['keyring']; id: string }) => keyring.disable(id)],
    ['deleted', async ({ keyring, id }: { keyring: TokenBench['keyring']; id: string }) => keyring.delete(id)],
    ['rotated out', async ({ keyring, id }: { keyring: TokenBench['keyring']; id: string }) => keyring.rotate(id, { gracePeriod: 0 })],
  ])('makes no token for a key that has been %s since it was verified, or while the host was asked', async (_end, end) => {
    const before = await started();
    await end(before);
    expect(await before.ask({})).toBe('key_not_active');
    const opened = gate<boolean>();
    const during = await started({ mayActFor: async (): Promise<boolean> => opened.promise });
    const asking = during.ask({});
    await end(during);
    opened.open(true);
    expect(await asking).toBe('key_not_active');
  });

  it('makes no token for a key that is revoked while it is being signed', async () => {
    const inner = memoryStore();
    let [finds, after] = [0, Infinity];
    const made = await started({ keyring: { store: { ...inner, find: async (lookup) => { const record = await inner.find(lookup); if (++finds === after) await made.keyring.revoke(made.id); return record; } } } });
    [finds, after] = [0, 1];
    expect(await made.ask({})).toBe('key_not_active');
  });

  it('makes no token of a token, and none for a principal that is not its keyring\'s', async () => {
    const made = await started();
    const { token } = await made.token();
    let caller: Principal | undefined;
    await new Promise<void>((resolve) => {
      const req = { method: 'GET', url: '/', headers: { authorization: `Bearer ${token}` }, rawHeaders: ['Authorization', `Bearer ${token}`], socket: {} } as never;
      const res = { setHeader: () => undefined, hasHeader: () => false, getHeader: () => undefined, on: () => undefined, socket: {} } as never;
      made.accept()(req, res, () => { caller = (req as { apiKey?: Principal }).apiKey; resolve(); });
    });
    expect(await made.exchange.exchange(caller!, { subject: 'eve' })).toMatchObject({ ok: false, code: 'not_a_key', status: 401 });
    const other = createKeyring({ prefix: 'oth' });
    const stranger = await principalOf({ keyring: other }, (await other.create({ name: 'x' })).key);
    for (const principal of [stranger, { ...made.principal }, undefined, null, 'key']) expect(await failure(() => made.exchange.exchange(principal as Principal, { subject: 'ada' }))).toEqual(['no_principal']);
  });
});

describe('wrong options of tokenExchange', () => {
  const { keyring, issuer } = bench();
  it.each([
    ['no keyring', undefined, { issuer, mayActFor: (): boolean => true }, ['invalid_option', 'keyring']],
    ['no callback', keyring, { issuer }, ['invalid_option', 'mayActFor']],
    ['a misspelt callback', keyring, { issuer, mayActForUser: () => true }, ['unknown_option', 'tokenExchange.mayActForUser']],
    ['no issuer', keyring, { mayActFor: (): boolean => true }, ['invalid_option', 'issuer']],
  ])('%s', async (_what, ring, options, expected) => {
    expect(await failure(() => tokenExchange(ring as never, options as never))).toEqual(expected);
  });
});
