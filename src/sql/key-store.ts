import type { KeyStore } from '../core/ports.js';
import type { Engine } from './engine.js';
import { createFind } from './finding.js';
import { list } from './listing.js';
import { insert, isSingle, remove, replace, touch, update } from './writing.js';

/** The seven methods, on an engine that is ready. */
export function createKeyStore(engine: Engine): KeyStore {
  const find = createFind(engine);
  return {
    insert: (record) => engine.atomically(() => insert(engine, record)),
    find: (lookup) => engine.run(find(lookup)),
    update: (id, version, changes) =>
      isSingle(engine, changes) ? engine.run(update(engine, id, version, changes)) : engine.atomically(() => update(engine, id, version, changes)),
    replace: (...args) => engine.atomically(() => replace(engine, ...args)),
    delete: (id) => engine.atomically(() => remove(engine, id)),
    list: (query) => engine.run(list(engine, query)),
    touch: (uses) => touch(engine, uses),
  };
}
