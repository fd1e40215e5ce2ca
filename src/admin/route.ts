import type { z } from 'zod';
import type { Attribution } from '../core/management/attribution.js';
import type { Principal } from '../core/principal.js';
import type { Answer } from './answer.js';
import type { ManagementAction } from './authorization.js';
import type { Caller } from './caller.js';

/** Who may ask: anybody, a key about itself, or a caller with the right to an action. */
export type Access = 'public' | 'key' | ManagementAction;

/** A request that has been let in, its input read. */
export interface Call<Query = unknown, Body = unknown> {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  /** Of whoever manages; absent for `public` and `key` routes. */
  readonly caller: Caller;
  /** The calling key, for `key` routes. */
  readonly principal: Principal;
  /** From `If-Match`; empty where any version will do. */
  readonly version: { readonly version?: number };
  readonly idempotencyKey: string | undefined;
  readonly attribution: Attribution;
  /** The path at which the router stands, for `Location`; no slash at its end. */
  readonly base: string;
}

/** One route: what is served, and what the document says about it, from the same schemas. */
export interface Route<Query = never, Body = never> {
  readonly method: 'get' | 'post' | 'patch' | 'delete';
  /** As in path-to-regexp: `/keys/:id`. */
  readonly path: string;
  readonly access: Access;
  readonly name: string;
  readonly summary: string;
  readonly query?: z.ZodType<Query>;
  readonly body?: z.ZodType<Body>;
  /** Whether `If-Match` is needed, or only heeded. Default: ignored. */
  readonly ifMatch?: 'needed' | 'heeded';
  readonly idempotent?: boolean;
  /** The good answer: JSON of this schema, a file of one of these types, or, without either, no body. */
  readonly success: { readonly status: number; readonly description: string; readonly view?: z.ZodType; readonly types?: readonly string[]; readonly headers?: readonly ('ETag' | 'Location')[] };
  /** Statuses it may say no with, beside those that every route of its kind has. */
  readonly problems?: readonly number[];
  run(call: Call<Query, Body>): Answer | Promise<Answer>;
}

/** Ties a route's work to its schemas, and forgets their types. */
export const route = <Query, Body>(it: Route<Query, Body>): Route => it as unknown as Route;
