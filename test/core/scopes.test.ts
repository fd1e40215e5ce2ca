import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createScopeBook } from '../../src/core/scopes.js';
import { createKeyring } from '../../src/keyring.js';
import { failure, ring, tamper, verdict } from './support.js';

const book = createScopeBook;
const NAMES = ['a', 'b', 'c', 'd', 'e'];

describe('implications', () => {
  it('reach as far as they go, in circles too', () => {
    const scopes = book({ admin: ['write'], write: ['read'], read: [], left: ['right'], right: ['left'], self: ['self'] });
    expect([...scopes.expand(['admin'])].sort()).toEqual(['admin', 'read', 'write']);
    expect([...scopes.expand(['read'])]).toEqual(['read']);
    expect([...scopes.expand(['right'])].sort()).toEqual(['left', 'right']);
    expect([...scopes.expand(['self'])]).toEqual(['self']);
    expect([...scopes.expand([])]).toEqual([]);
  });

  it('are exactly what can be reached', () => {
    const graph = fc.dictionary(fc.constantFrom(...NAMES), fc.subarray(NAMES), { noNullPrototype: true });
    fc.assert(fc.property(graph, fc.subarray(NAMES), (edges, held) => {
      const declared = Object.fromEntries(NAMES.map((name) => [name, edges[name] ?? []]));
      const reached = new Set(held);
      for (let round = 0; round < NAMES.length; round++) for (const name of [...reached]) for (const next of declared[name] ?? []) reached.add(next);
      expect([...book(declared).expand(held)].sort()).toEqual([...reached].sort());
    }));
  });

  it('of a long chain are found without running out of stack', () => {
    const chain = Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`s${index}`, index < 1_999 ? [`s${index + 1}`] : []]));
    expect(book(chain).expand(['s0']).size).toBe(2_000);
  });
});

describe('declarations', () => {
  it.each([
    [{ read: ['raed'], raad: [] }, 'unknown_scope', 'scopes.read[0]'],
    [{ read: 'write', write: [] }, 'invalid_scope', 'scopes.read'],
    [{ read: [1] }, 'unknown_scope', 'scopes.read[0]'],
    [['read'], 'invalid_scope', 'scopes'],
    [5, 'invalid_scope', 'scopes'],
    [{ '': [] }, 'invalid_scope', 'scopes.'],
    [{ 'a b': [] }, 'invalid_scope', 'scopes.a b'],
    [{ 'a,b': [] }, 'invalid_scope', 'scopes.a,b'],
    [{ 'a"': [] }, 'invalid_scope', 'scopes.a"'],
    [{ é: [] }, 'invalid_scope', 'scopes.é'],
    [{ ['x'.repeat(129)]: [] }, 'invalid_scope', `scopes.${'x'.repeat(64)}`],
  ])('%j are refused', async (scopes, code, option) => {
    expect(await failure(() => createKeyring({ prefix: 'awx', scopes: scopes as never }))).toEqual([code, option]);
  });

  it('may be named like properties that every object has', async () => {
    const keyring = createKeyring({ prefix: 'awx', scopes: { toString: [], 'orders:read': ['toString'], constructor: [] } });
    const { key } = await keyring.create({ name: 'one', scopes: ['orders:read'] });
    expect([await keyring.verify(key, { scopes: ['toString'] }), await keyring.verify(key, { scopes: ['constructor'] })]).toMatchObject([{ ok: true }, { code: 'insufficient_scope', missingScopes: ['constructor'] }]);
  });
});

describe('a key', () => {
  it('may do what its scopes imply, and is told what it lacks', async () => {
    const { keyring } = ring();
    const [reader, writer, nobody] = [await keyring.create({ name: 'r', scopes: ['read', 'read'] }), await keyring.create({ name: 'w', scopes: ['write'] }), await keyring.create({ name: 'n' })];
    expect(reader.apiKey.scopes).toEqual(['read']);
    expect(await keyring.verify(writer.key, { scopes: ['read', 'write'] })).toMatchObject({ ok: true, principal: { scopes: ['write', 'read'] } });
    expect(await keyring.verify(reader.key, { scopes: ['read', 'write'] })).toMatchObject({ ok: false, code: 'insufficient_scope', missingScopes: ['write'], keyId: reader.apiKey.id });
    expect(await keyring.verify(nobody.key, { scopes: ['read', 'write'] })).toMatchObject({ missingScopes: ['read', 'write'] });
    expect(await verdict(keyring, nobody.key, { scopes: [] })).toBe('ok');
  });

  it('cannot be given a scope that is not declared; the nearest one is named', async () => {
    const { keyring, store } = ring();
    expect(await failure(() => keyring.create({ name: 'one', scopes: ['read', 'wriet'] }))).toEqual(['unknown_scope', 'create.scopes[1]']);
    await expect(keyring.create({ name: 'one', scopes: ['wriet'] })).rejects.toThrow("did you mean 'write'?");
    await expect(keyring.create({ name: 'one', scopes: 'read' as never })).rejects.toMatchObject({ code: 'invalid_scope' });
    expect(store.calls.insert).toBe(0);
  });

  it('gains nothing from a stored scope that is no longer declared', async () => {
    const { keyring, store } = ring();
    const { key, apiKey } = await keyring.create({ name: 'one', scopes: ['read'] });
    await tamper(store, apiKey.id, { scopes: ['admin', 'toString', '__proto__'] });
    expect(await keyring.verify(key)).toMatchObject({ ok: true, principal: { scopes: [] } });
    expect(await verdict(keyring, key, { scopes: ['admin'] })).toBe('insufficient_scope');
    expect(await verdict(keyring, key, { scopes: ['toString'] })).toBe('insufficient_scope');
  });
});
