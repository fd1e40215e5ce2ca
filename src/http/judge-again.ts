import { chain } from '../core/awaitable.js';
import type { Engine } from '../core/keyring.js';
import type { Principal } from '../core/principal.js';
import type { Awaitable } from '../core/ports.js';
import type { RequestFacts } from '../core/request.js';
import type { Verification } from '../core/verification.js';

/** Decides about a caller whose right has been proven. */
export type Judge = (facts: RequestFacts) => Awaitable<Verification>;

// Shared by the ESM and the CommonJS copy, like the mark of a principal's keyring.
const JUDGE = Symbol.for('keystile.judge');

/** Marks a principal that comes from something made of a key (a token), with what decides about it. Before it is signed. */
export const delegated = <P extends Principal>(principal: P, judge: Judge): P => Object.defineProperty(principal, JUDGE, { value: judge });

/** Whether this caller came with something made of a key, and not with the key itself. */
export const isDelegated = (principal: Principal): boolean => JUDGE in principal;

/**
 * Decides anew about a caller that an earlier middleware has let in, who has brought nothing that this one reads: its
 * tenant, its environment and its scopes may be other ones.
 */
export function judgeAgain(engine: Engine, principal: Principal, facts: RequestFacts): Awaitable<Verification> {
  const judge = (principal as { [JUDGE]?: Judge })[JUDGE];
  const verification = judge === undefined ? engine.vouch(principal.id, facts) : judge(facts);
  return chain(verification, (answer) => (answer.ok ? { ...answer, principal } : answer));
}
