import { describe, expect, it } from '@jest/globals';
import { apiKeyAuth as connectAuth } from '../../src/connect/index.js';
import { concurrent, perMinute, type LimitOptions } from '../../src/core/limits/rules.js';
import { keyFormat, type KeyFormatOptions } from '../../src/core/format/key-format.js';
import type { KeyringOptions } from '../../src/core/keyring-options.js';
import type { LifecycleOptions } from '../../src/core/management/lifecycle-options.js';
import { deepFreeze } from '../../src/core/freeze.js';
import { apiKeyAuth } from '../../src/express/index.js';
import { header, query } from '../../src/http/credentials.js';
import type { ApiKeyAuthOptions } from '../../src/http/options.js';
import { createKeyring } from '../../src/keyring.js';
import { memoryLimiter } from '../../src/memory/limiter.js';
import { memoryStore } from '../../src/memory/store.js';
import { failure } from './support.js';

type Wrong = readonly (readonly [value: unknown, code: string, option?: string])[];
/** Wrong values of every option; the type insists that none is left out. */
type Every<T> = { readonly [K in keyof Required<T>]: Wrong };

const invalid = (...values: unknown[]): Wrong => values.map((value) => [value, 'invalid_option'] as const);
const { insert: _insert, ...noInsert } = memoryStore();
const { renew: _renew, ...noRenew } = memoryLimiter();

const NO_SPAN = [-1, 1.5, NaN, Infinity, '60000', null, 100 * 366 * 86_400_000 + 1];
/** Durations out of their bounds. */
const SPANS: { readonly [Name in Exclude<keyof LifecycleOptions, 'unusual'>]: readonly unknown[] } = {
  gracePeriod: NO_SPAN,
  maxLifetime: [...NO_SPAN, 999],
  rotateAfter: [...NO_SPAN, 999],
  unusedAfter: [...NO_SPAN, 999],
  expiringWithin: NO_SPAN,
  retention: NO_SPAN,
  flushEvery: [...NO_SPAN, 99, 3_600_001],
};

const KEYRING: Every<KeyringOptions> = {
  prefix: [['a', 'invalid_format'], ['a b', 'invalid_format'], ...invalid(5, null, {})],
  formats: [['{secert}', 'invalid_format', "format '{secert}'"], [[{}], 'invalid_option', 'formats[0]'], [[null], 'invalid_option', 'formats[0]'], [5, 'invalid_option', 'formats[0]']],
  scopes: [['read', 'invalid_scope'], [['read'], 'invalid_scope'], [{ read: ['raed'] }, 'unknown_scope', 'scopes.read[0]']],
  plans: [...invalid([], 'starter', null), [{ starter: 60 }, 'invalid_limit', 'plans.starter'], [{ starter: [60] }, 'invalid_option', 'plans.starter[0]']],
  limits: [...invalid([], 5, null), [{ defalut: [] }, 'unknown_option', 'limits.defalut'], [{ default: 5 }, 'invalid_limit', 'limits.default'], [{ failures: [{}] }, 'invalid_limit', 'limits.failures[0].limit'], [{ failures: [concurrent(1)] }, 'invalid_limit', 'limits.failures']],
  hashing: invalid([], {}, 'sha256', null, [null], [{ scheme: 'x' }], { scheme: 'x:y', salted: false, hash: String, verify: Boolean, candidates: Array, outdated: Boolean }),
  store: invalid({}, noInsert, 'sqlite', null, new Map()),
  limiter: invalid({}, noRenew, null, 5),
  onLimiterError: invalid('lokal', 5, true),
  cache: [...invalid(5, true, 'off', null), [{ max: -1 }, 'invalid_option', 'cache.max'], [{ ttl: 1 }, 'unknown_option', 'cache.ttl']],
  deadlines: [...invalid(5, null), [{ storeMs: 0 }, 'invalid_option', 'deadlines.storeMs'], [{ limiterMs: 1.5 }, 'invalid_option', 'deadlines.limiterMs'], [{ storeMs: '5' }, 'invalid_option', 'deadlines.storeMs'], [{ store: 1 }, 'unknown_option', 'deadlines.store']],
  activity: invalid({}, 5, null, { append: String }),
  usage: invalid({}, 5, null, { add: String, read: String }),
  lifecycle: [...invalid(5, [], null), [{ grace: 1 }, 'unknown_option', 'lifecycle.grace'], [{ unusual: true }, 'invalid_option', 'lifecycle.unusual'], [{ unusual: { silense: 1 } }, 'unknown_option', 'lifecycle.unusual.silense'], ...['addresses', 'burst', 'burstFrom', 'refusals', 'silence'].flatMap((name) => [-1, 1.5, NaN, '1', 1e16].map((value) => [{ unusual: { [name]: value } }, 'invalid_option', `lifecycle.unusual.${name}`] as const)), ...Object.entries(SPANS).flatMap(([name, wrong]) => wrong.map((value) => [{ [name]: value }, 'invalid_option', `lifecycle.${name}`] as const))],
  clock: invalid({}, 5, null, Date.now, { now: 5 }),
};

const AUTH: Every<ApiKeyAuthOptions> = {
  credentials: [...[5, 'x-api-key', null, {}].map((value) => [value, 'invalid_option', 'credentials[0]'] as const), [[], 'invalid_option'], [[header(), 5], 'invalid_option', 'credentials[1]']],
  required: invalid(1, 'yes', null, {}),
  tenant: invalid('acme', 5, null),
  environment: [['lvie', 'unknown_environment'], [5, 'unknown_environment']],
  scopes: [['read', 'invalid_scope'], [['raed'], 'unknown_scope', 'scopes[0]']],
  anonymousLimits: [[5, 'invalid_limit'], [[{}], 'invalid_limit', 'anonymousLimits[0].limit'], [[{ ...perMinute(1), limit: 0.5 }], 'invalid_limit', 'anonymousLimits[0].limit']],
  cost: invalid(5, 'x', null),
  clientIp: invalid('192.0.2.1', true, null),
  requireHttps: invalid('yes', 1, null),
  headers: [...invalid(5, []), [{ rateLimit: 'draft-7' }, 'invalid_option', 'headers.rateLimit'], [{ rateLimit: true }, 'invalid_option', 'headers.rateLimit'], [{ legacy: 1 }, 'invalid_option', 'headers.legacy'], [{ cache: 'no' }, 'invalid_option', 'headers.cache'], [{ rateLimits: false }, 'unknown_option', 'headers.rateLimits']],
  stripCredential: invalid('yes', 0, null),
  refusals: [...invalid(5, []), [{ mesages: {} }, 'unknown_option', 'refusals.mesages'], [{ messages: { invalid_keys: '' } }, 'unknown_option', 'refusals.messages.invalid_keys'], [{ messages: { invalid_key: 5 } }, 'invalid_option', 'refusals.messages.invalid_key'], [{ render: 'json' }, 'invalid_option', 'refusals.render'], [{ deliver: 'throw' }, 'invalid_option', 'refusals.deliver']],
};

const FORMAT: Every<KeyFormatOptions> = {
  prefix: [['a', 'invalid_format'], [5, 'invalid_format'], [{}, 'invalid_format'], [['awx'], 'invalid_format']],
  environments: [[[], 'invalid_format'], ['live', 'invalid_format'], [{}, 'invalid_format'], [['a b'], 'invalid_format'], [new Set(['live']), 'invalid_format']],
  random: invalid(5, 'crypto', {}, null),
};

const LIMIT: Every<LimitOptions> = {
  per: [['user', 'invalid_limit', 'limit.per'], [5, 'invalid_limit', 'limit.per']],
  name: [['', 'invalid_limit', 'limit.name'], ['a"b', 'invalid_limit', 'limit.name'], [5, 'invalid_limit', 'limit.name']],
};

const keyring = createKeyring({ prefix: 'awx', scopes: { read: [] } });
const MAKERS: readonly (readonly [name: string, path: string, make: (options: never) => unknown, wrong: Readonly<Record<string, Wrong>>, base: object])[] = [
  ['createKeyring', 'createKeyring', createKeyring, KEYRING, { prefix: 'awx' }],
  ['apiKeyAuth', 'apiKeyAuth', (options) => apiKeyAuth(keyring, options), AUTH, {}],
  ['apiKeyAuth of keystile/connect', 'apiKeyAuth', (options) => connectAuth(keyring, options), AUTH, {}],
  ['keyFormat', 'keyFormat', (options) => keyFormat('{secret}', options), FORMAT, {}],
  ['perMinute', 'limit', (options) => perMinute(1, options), LIMIT, {}],
  ['concurrent', 'limit', (options) => concurrent(1, options), LIMIT, {}],
];

describe.each(MAKERS)('%s', (_name, path, make, wrong, base) => {
  it.each(Object.entries(wrong).flatMap(([option, values]) => values.map(([value, code, at = option]) => ({ option, value, code, at }))))('refuses $option: $value', async ({ option, value, code, at }) => {
    expect(await failure(() => make({ ...base, [option]: value } as never))).toEqual([code, at]);
  });

  it.each(Object.keys(wrong))('answers a misspelt %s with the right name', async (option) => {
    const swapped = option.slice(0, 1) + option.charAt(2) + option.charAt(1) + option.slice(3);
    const misspelt = [swapped === option ? `${option}x` : swapped, `${option}${option.at(-1)!}`, option.charAt(0).toUpperCase() + option.slice(1)];
    for (const name of misspelt) {
      expect(await failure(() => make({ ...base, [name]: undefined } as never))).toEqual(['unknown_option', `${path}.${name}`]);
      expect(() => make({ ...base, [name]: undefined } as never)).toThrow(`did you mean '${option}'?`);
    }
  });

  it('refuses what is no object of options', async () => {
    for (const options of [null, 5, 'awx', [], new Map(), () => ({})]) expect((await failure(() => make(options as never)))?.[0]).toBe('invalid_option');
  });

  it('takes every option as undefined, which is its default', async () => {
    const options = Object.fromEntries(Object.keys(wrong).filter((option) => !(option in base)).map((option) => [option, undefined]));
    expect(await failure(() => make({ ...options, ...base } as never))).toBeUndefined();
  });
});

describe('the errors', () => {
  it('are TypeErrors with a stable code, the option and a name of their own', () => {
    const error = (() => { try { createKeyring({ prefix: 'awx', palns: {} } as never); } catch (caught) { return caught as Error; } return undefined; })();
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ name: 'ConfigurationError', code: 'unknown_option', option: 'createKeyring.palns', message: "createKeyring.palns: unknown option 'palns'; did you mean 'plans'?" });
  });

  it('do not repeat endless input', () => {
    for (const long of ['x'.repeat(100_000)]) {
      const error = (() => { try { createKeyring({ prefix: 'awx', [long]: 1 }); } catch (caught) { return caught as Error; } return undefined; })();
      expect(error?.message.length).toBeLessThan(1_000);
    }
  });

  it('come before a keyring exists that is none', async () => {
    for (const value of [undefined, null, {}, keyFormat('{secret}'), { ...keyring }]) expect(await failure(() => apiKeyAuth(value as never))).toEqual(['invalid_option', 'keyring']);
    expect(await failure(() => createKeyring({}))).toEqual(['invalid_option', 'prefix']);
    expect(await failure(() => query(''))).toEqual(['invalid_option', 'credentials']);
  });
});

describe('the caller\'s objects', () => {
  it('stay as they are, frozen or not, and changing them afterwards changes nothing', async () => {
    const options = { prefix: 'awx', scopes: { read: [] as 'read'[], write: ['read'] as 'read'[] }, plans: { starter: [perMinute(2)] }, limits: { default: [perMinute(1)] }, cache: { max: 5 }, formats: ['{prefix}_{id}_{secret}'] };
    const before = structuredClone(options);
    const { verify, create } = createKeyring(options);
    const { key } = await create({ name: 'one', scopes: ['write'], plan: 'starter' });
    expect(options).toEqual(before);
    options.scopes.write.length = 0;
    options.plans.starter.length = 0;
    options.formats.length = 0;
    expect(await verify(key, { scopes: ['read'] })).toMatchObject({ ok: true });
    expect(await verify(key)).toMatchObject({ ok: true });
    expect(await verify(key)).toMatchObject({ code: 'rate_limited' });
    expect(await failure(() => createKeyring(deepFreeze(before)))).toBeUndefined();
    const auth = { environment: 'live', scopes: ['read'] as const, credentials: [header('x-key')], headers: { legacy: true }, refusals: { messages: { invalid_key: 'no' }, deliver: 'next' as const }, anonymousLimits: [perMinute(1)] };
    expect(await failure(() => apiKeyAuth(keyring, deepFreeze(auth)))).toBeUndefined();
  });
});
