import type { CompiledAccess } from './access/access.js';
import type { BucketPlan } from './limits/buckets.js';
import type { Accepted } from './verification.js';
import type { Json, KeyRecord, Owner } from './record.js';

/** Who is calling, as a handler sees it at `req.apiKey`: frozen, without hash or secret. */
export interface Principal<Scope extends string = string> {
  /** The key's public id. */
  readonly id: string;
  readonly name: string;
  readonly environment: string;
  readonly tenantId: string | undefined;
  readonly owner: Owner | undefined;
  /** Everything the key may do, implied scopes included. */
  readonly scopes: readonly Scope[];
  readonly plan: string | undefined;
  /** Whether the key may open WebSockets and event streams. */
  readonly realtime: boolean;
  readonly metadata: { readonly [key: string]: Json };
  /** Epoch milliseconds. */
  readonly expiresAt: number | undefined;
}

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
  readonly loadedAt: number;
  /** The look-up's generation when the record was read. */
  readonly generation: number;
}
