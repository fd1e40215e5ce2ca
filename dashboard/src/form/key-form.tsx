import type { Draft } from './draft.js';
import { AccessPart } from './access-part.js';
import { IdentityPart } from './identity-part.js';
import { LimitsPart } from './limits-part.js';
import { MorePart } from './more-part.js';
import { ScopesPart } from './scopes-part.js';
import { TermPart } from './term-part.js';

/** Sets fields of the draft; `at` are the pointers that have thereby been touched. */
export type Edit = (changes: Partial<Draft>, ...at: readonly string[]) => void;

export interface PartProps {
  readonly draft: Draft;
  readonly edit: Edit;
  /** Of a key that exists, for which some things can no longer be chosen. */
  readonly isNew: boolean;
}

/** Every pointer that one of the parts speaks for. */
export const FIELDS = ['/name', '/tenantId', '/environment', '/slot', '/owner', '/scopes', '/plan', '/limits', '/expiresAt', '/notBefore', '/access/endpoints', '/access/ips/allow', '/access/ips/deny', '/access/origins', '/tags', '/metadata'] as const;

/** All that may be said about a key, a part at a time. */
export const KeyForm = (props: PartProps) => (
  <>
    <IdentityPart {...props} />
    <ScopesPart {...props} />
    <LimitsPart {...props} />
    <TermPart {...props} />
    <AccessPart {...props} />
    <MorePart {...props} />
  </>
);
