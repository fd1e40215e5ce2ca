import type { Engine } from '../core/keyring.js';
import type { HostRequest } from './types.js';

// Shared by both copies of the package: a request must not be counted twice when they are mixed.
const COUNTED = Symbol.for('keystile.counted');

type Marked = HostRequest & { [COUNTED]?: readonly Engine[] };

/** Notes that a request has been counted in a keyring's limits. */
export function markCounted(req: HostRequest, engine: Engine): void {
  const before = (req as Marked)[COUNTED];
  (req as Marked)[COUNTED] = before === undefined ? [engine] : [...before, engine];
}

/** Whether an earlier pass, of a middleware mounted twice say, has counted this request. */
export function wasCounted(req: HostRequest, engine: Engine): boolean {
  return (req as Marked)[COUNTED]?.includes(engine) === true;
}
