import { createKeyCache, type CacheOptions } from './cache.js';
import { createIdLookup } from './id-lookup.js';
import { createLookup, type LookupSettings } from './lookup.js';
import { createVerifier, type VerifierSettings, type Verify } from './verifier.js';

/** The two ways to a decision about a key, with one memory of what has changed. */
export interface Verifiers {
  /** By the key itself. */
  readonly verify: Verify;
  /** By its id, for a caller whose right to it has been proven otherwise. */
  readonly vouch: Verify;
  /** Must be called before and after every local change of a key. */
  readonly forget: (id: string) => void;
  /** The same for all keys: some change may have gone unheard. */
  forgetAll(): void;
}

export function createVerifiers(settings: Omit<LookupSettings, 'cache'>, caching: CacheOptions, judging: Omit<VerifierSettings, 'lookup'>): Verifiers {
  const caches = [createKeyCache(caching), createKeyCache(caching)] as const;
  const byKey = createLookup({ ...settings, cache: caches[0] });
  const byId = createIdLookup({ ...settings, cache: caches[1] });
  return {
    verify: createVerifier({ lookup: byKey, ...judging }),
    vouch: createVerifier({ lookup: byId, ...judging }),
    forget(id) {
      byKey.forget(id);
      byId.forget(id);
    },
    forgetAll() {
      byKey.forgetAll();
      byId.forgetAll();
    },
  };
}
