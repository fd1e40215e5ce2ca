import type { CompiledAccess } from './access/access.js';
import type { BucketPlan } from './limits/buckets.js';
import type { Principal } from './principal.js';
import type { KeyRecord } from './record.js';
import type { Tally } from './usage/tally.js';
import type { Accepted } from './verification.js';

/** Epoch milliseconds, `from <= now < until`. */
export interface Term {
  readonly from: number;
  readonly until: number;
}

/** A record made ready for requests: all that can be worked out beforehand has been. */
export interface KeyEntry {
  readonly record: KeyRecord;
  readonly principal: Principal;
  readonly scopes: ReadonlySet<string>;
  readonly access: CompiledAccess;
  readonly limits: BucketPlan;
  readonly environment: string;
  readonly tenantId: string | undefined;
  /** When the key is active; absent for one that always is. Outside, `statusOf` tells why. */
  readonly term: Term | undefined;
  /** The answer, where there is no limit to ask for. */
  readonly unlimited: Accepted | undefined;
  /** When the key was last used, as far as it has been noted, and what its requests are counted with. */
  readonly use: { at: number; tally: Tally | undefined };
  readonly loadedAt: number;
  /** The look-up's generation when the record was read. */
  readonly generation: number;
}
