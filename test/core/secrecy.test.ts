import { describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { bcrypt } from '../../src/core/hashing/bcrypt.js';
import { hmacSha256 } from '../../src/core/hashing/hmac.js';
import { sha256 } from '../../src/core/hashing/sha256.js';
import type { EventName } from '../../src/core/events.js';
import type { Hasher, KeyStore } from '../../src/core/ports.js';
import type { Keyring } from '../../src/core/keyring.js';
import { memoryLimiter } from '../../src/memory/limiter.js';
import { perMinute } from '../../src/core/limits/rules.js';
import { ring, tamper, type WatchedStore } from './support.js';

const PEPPER = 'pepper-that-nobody-must-ever-see';
const SCHEMES: readonly (readonly [string, Hasher])[] = [['sha256', sha256()], ['hmac-sha256', hmacSha256({ peppers: { v1: PEPPER }, current: 'v1' })], ['bcrypt', bcrypt({ cost: 4 })]];

/** Everything a log could make of a value. */
function shown(value: unknown): string {
  const parts = [inspect(value, { depth: Infinity, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null }), String(value)];
  try { parts.push(JSON.stringify({ value })); } catch { /* not every value is JSON */ }
  if (value instanceof Error) parts.push(value.stack ?? '', inspect(value.cause, { depth: Infinity, showHidden: true }), JSON.stringify(Object.getOwnPropertyDescriptors(value)));
  return parts.join('\n');
}

/** What must never be seen: of a key its secret and its hash; of the keyring its pepper. */
async function secrets(store: WatchedStore, key: string): Promise<readonly string[]> {
  const { records } = await store.inner.list({ limit: 500, now: 0 });
  return [key, key.slice(22, 49), PEPPER, ...records.map(({ hash }) => hash), ...records.map(({ hash }) => hash.split(':').at(-1) ?? hash)];
}

describe.each(SCHEMES)('with %s', (_scheme, hashing) => {
  const everything = async (): Promise<{ keyring: Keyring; store: WatchedStore; key: string; id: string; values: [string, unknown][] }> => {
    const { keyring, store } = ring({ hashing });
    const values: [string, unknown][] = [];
    for (const name of ['created', 'imported', 'updated', 'disabled', 'enabled', 'revoked', 'deleted', 'refused', 'fault'] satisfies EventName[]) keyring.on(name, (event) => void values.push([`event ${name}`, event]));
    const created = await keyring.create({ name: 'one', scopes: ['read'], limits: [perMinute(2)], metadata: { a: 1 } });
    const { key, apiKey: { id } } = created;
    const { key: other } = keyring.format.generate({ environment: 'live' });
    values.push(['created key, inspected', inspect(created, { depth: Infinity, showHidden: true })], ['apiKey', created.apiKey]);
    values.push(['imported', await keyring.import({ key: other, name: 'two' })]);
    values.push(['accepted', await keyring.verify(key)], ['refused', await keyring.verify(key, { environment: 'test' })], ['wrong secret', await keyring.verify(key.replace(/.$/, '!'))]);
    await keyring.verify(key);
    values.push(['limited', await keyring.verify(key)], ['explained', await keyring.explain(id)], ['got', await keyring.get(id)], ['listed', await keyring.list()]);
    values.push(['updated', await keyring.update(id, { name: 'x' })], ['disabled', await keyring.disable(id)], ['enabled', await keyring.enable(id)], ['revoked', await keyring.revoke(id)]);
    values.push(['keyring', keyring], ['format', keyring.format], ['hasher', hashing]);
    return { keyring, store, key, id, values };
  };

  it('nothing that the keyring gives shows a secret, a hash or a pepper', async () => {
    const { store, key, values } = await everything();
    const hidden = await secrets(store, key);
    expect(values.length).toBeGreaterThan(20);
    expect(hidden.length).toBeGreaterThan(5);
    for (const [what, value] of values) expect([what, hidden.filter((secret) => shown(value).includes(secret))]).toEqual([what, []]);
  });

  it('no error does either, whatever fails', async () => {
    const { keyring, store, key, id } = await everything();
    const hidden = await secrets(store, key);
    const errors: unknown[] = [];
    const collect = async (call: () => unknown): Promise<void> => { try { await call(); } catch (error) { errors.push(error); } };
    keyring.on('fault', ({ error }) => void errors.push(error));
    await collect(() => keyring.import({ key, name: 'again' }));
    await collect(() => keyring.import({ key: `${key}x`, name: 'again' }));
    await collect(() => keyring.import({ key, hash: key, name: 'again' }));
    await collect(() => keyring.import({ hash: key, name: 'again', id: 'x', highEntropy: true }));
    await collect(() => keyring.get(key.padEnd(200, 'x')));
    await collect(() => keyring.revoke(`${key}\0`));
    await collect(() => keyring.verify(key, { scopes: ['read'], cost: -1 }));
    await collect(() => keyring.update(id, { name: key.repeat(10) }));
    await collect(() => keyring.update(id, { name: 'x' }, { version: 99 }));
    await tamper(store, id, { access: { ips: 'x' } });
    await collect(() => keyring.explain(id));
    const { keyring: again } = ring({ hashing, store });
    await collect(() => again.verify(key));
    for (const part of [{ find: () => { throw new Error('down'); } }, { find: async () => new Promise<never>(() => undefined) }, { find: () => ({}) as never }]) {
      const { keyring: broken } = ring({ hashing, store: { ...store, ...part }, deadlines: { storeMs: 5 } });
      await collect(() => broken.verify(key));
    }
    const { keyring: closed } = ring({ hashing, onLimiterError: 'closed', limits: { default: [perMinute(1)] }, limiter: { ...memoryLimiter(), consume: () => { throw new Error('down'); } } });
    const fresh = await closed.create({ name: 'one' });
    await collect(() => closed.verify(fresh.key));
    await closed.close();
    await collect(() => closed.verify(fresh.key));
    expect(errors.length).toBeGreaterThanOrEqual(14);
    for (const error of errors) expect([String(error), hidden.concat(fresh.key).filter((secret) => shown(error).includes(secret))]).toEqual([String(error), []]);
  });
});

describe('a created key', () => {
  it('is masked in logs and carried in JSON, to be sent to its owner', async () => {
    const { keyring } = ring();
    const created = await keyring.create({ name: 'one' });
    const { key, apiKey } = created;
    for (const text of [inspect(created), inspect({ created }, { depth: 9 }), inspect([created], { showHidden: true, depth: 9 })]) {
      expect(text).toContain(apiKey.masked);
      expect(text).not.toContain(key.slice(22, 49));
    }
    expect(JSON.parse(JSON.stringify(created))).toEqual({ key, apiKey });
    expect({ ...created }).toEqual({ key, apiKey });
  });
});

it('the store is never asked for a plaintext key, nor given one', async () => {
  const seen: unknown[] = [];
  for (const formats of ['{prefix}_{env}_{id}_{secret}{checksum}', '{prefix}_{env}_000000000000_{secret}']) {
    const { store } = ring();
    const spy = (method: keyof KeyStore) => (...args: unknown[]): never => { seen.push(args); return (store[method] as (...given: unknown[]) => never)(...args); };
    const { keyring } = ring({ formats, store: { insert: spy('insert'), find: spy('find'), update: spy('update'), replace: spy('replace'), delete: spy('delete'), list: spy('list'), touch: spy('touch') } });
    const { key, apiKey } = await keyring.create({ name: 'one' });
    await keyring.verify(key);
    await keyring.verify(key.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a')));
    await keyring.update(apiKey.id, { name: 'two' });
    const { key: next } = await keyring.rotate(apiKey.id);
    await keyring.close();
    expect(seen.length).toBeGreaterThan(5);
    for (const one of [key, next]) expect(JSON.stringify(seen)).not.toContain(one.slice(22, 49));
  }
});
