import type { Engine } from './engine.js';

// Shared by the ESM and the CommonJS copy.
const ENGINE = Symbol.for('keystile.sql.engine');

/** Puts the engine of a file beside its store, for the other tables in it; it shows neither in inspection nor in JSON. */
export function withEngine<T extends object>(store: T, engine: Engine): T {
  return Object.defineProperty(store, ENGINE, { value: engine });
}

/** The engine of a store on a file, or `undefined` for anything else. */
export const engineIn = (store: unknown): Engine | undefined => (store as { readonly [ENGINE]?: Engine } | null | undefined)?.[ENGINE];
