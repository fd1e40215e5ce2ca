import { checkOptions } from '../core/options.js';
import type { KeyLookup, KeyStore } from '../core/ports.js';
import { changed, type KeyRecord } from '../core/record.js';
import { redisOf, type RedisClient } from './client.js';
import { checkPrefix } from './names.js';
import { layoutOf, recordOf, useText } from './store/layout.js';
import { listPage } from './store/listing.js';
import { findScript, touchScript } from './store/scripts.js';
import { commonKeys, textsOf, write } from './store/writing.js';

/** Settings of {@link redisStore}. */
export interface RedisStoreOptions {
  /** What the names of all keys begin with. Default: `keystile:`. */
  readonly prefix?: string;
}

/** Uses noted by one script call: about a millisecond, in which the server does nothing else. */
const USES_PER_CALL = 500;
/** A removal begins again when the record changes meanwhile; so often in a row nothing changes. */
const ATTEMPTS = 20;

/**
 * Keeps keys in Redis or Valkey, for teams without a relational database. Every write is one script: all of it or none. Everything lies
 * in one hash slot, also on a cluster. Lists by tenant or in one of the orders read little; other filters and searches read every record.
 *
 * What the server loses is lost: it must write to disk (`appendonly yes`) and may not evict (`maxmemory-policy noeviction`).
 *
 * Throws a `ConfigurationError` (`unknown_option`, `invalid_option`).
 *
 * @example
 * ```ts
 * const keyring = createKeyring({ prefix: 'awx', store: redisStore(client), limiter: redisLimiter(client) });
 * ```
 */
export function redisStore(client: RedisClient, options: RedisStoreOptions = {}): KeyStore {
  checkOptions(options, 'redisStore', ['prefix']);
  const redis = redisOf(client, 'redisStore.client');
  const layout = layoutOf(checkPrefix(options.prefix ?? 'keystile:', 'redisStore.prefix'));

  const find = async (lookup: KeyLookup): Promise<KeyRecord | undefined> => {
    const wanted = lookup.by === 'id' ? [lookup.id] : lookup.hashes;
    const [text, use] = textsOf(await findScript(redis, commonKeys(layout), [lookup.by, ...wanted]));
    if (text === undefined) return undefined;
    const record = recordOf(text, use);
    // Texts that differ only in broken characters are one on their way to the server.
    return wanted.includes(lookup.by === 'id' ? record.id : record.hash) ? record : undefined;
  };
  const at = async (id: string, version: number): Promise<KeyRecord | undefined> => {
    const before = await find({ by: 'id', id });
    return before?.version === version ? before : undefined;
  };

  return {
    async insert(record) {
      const { outcome } = await write(redis, layout, [{ after: record }]);
      return outcome === 'done' ? 'inserted' : outcome === 'slot_taken' ? 'slot_taken' : 'conflict';
    },
    find,
    async update(id, version, changes) {
      const before = await at(id, version);
      if (before === undefined) return undefined;
      const after = changed(before, changes);
      const { outcome, use } = await write(redis, layout, [{ before, after }]);
      if (outcome === 'changed') return undefined;
      if (outcome !== 'done') throw new Error(`the change of a key would take what another has: ${outcome}`);
      const { lastUsedAt: _lastUsedAt, lastUsedIp: _lastUsedIp, ...rest } = after;
      return recordOf(JSON.stringify(rest), use);
    },
    async replace(id, version, changes, successor) {
      const before = await at(id, version);
      if (before === undefined) return 'changed';
      const { outcome } = await write(redis, layout, [{ before, after: changed(before, changes) }, { after: successor }]);
      return outcome === 'done' ? 'inserted' : outcome;
    },
    async delete(id) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const before = await find({ by: 'id', id });
        if (before === undefined) return false;
        if ((await write(redis, layout, [{ before }])).outcome === 'done') return true;
      }
      throw new Error('the record changes faster than it can be removed');
    },
    list: (query) => listPage(redis, layout, query),
    async touch(uses) {
      for (let from = 0; from < uses.length; from += USES_PER_CALL) {
        const args = uses.slice(from, from + USES_PER_CALL).flatMap((use) => [use.id, useText(use.at, use.ip), use.ip === undefined ? '0' : '1']);
        await touchScript(redis, commonKeys(layout), args);
      }
    },
  };
}
