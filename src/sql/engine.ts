import type { RawBuilder } from 'kysely';
import type { Awaitable } from '../core/ports.js';
import type { Dialect } from './dialects.js';
import type { Names } from './names.js';
import type { Steps } from './steps.js';

/** A database with keystile's tables in it. */
export interface Engine {
  readonly names: Names;
  readonly dialect: Dialect;
  /** The text of a statement, with the engine's own placeholders. */
  readonly textOf: (statement: RawBuilder<unknown>) => string;
  /** Runs statements one by one. */
  run<T>(steps: Steps<T>): Awaitable<T>;
  /** Runs statements in one transaction: all of them hold, or none. May run them anew when the engine has broken a deadlock. */
  atomically<T>(steps: () => Steps<T>): Awaitable<T>;
}
