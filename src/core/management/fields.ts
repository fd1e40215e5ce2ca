import type { Clock } from '../ports.js';
import type { KeyChanges, KeyRecord } from '../record.js';
import { checkPatch, checkSettings, type CheckedPatch, type DraftContext } from './draft.js';
import { checkOrder, withinLife } from './lifetime.js';

/** The fields of a new key, checked. */
export type NewFields = KeyChanges & { readonly name: string };

/** The fields of a key that is to be made; throws a `ConfigurationError` that names the wrong one. Nothing is made. */
export const newFields = (settings: unknown, path: string, context: DraftContext, clock: Clock): NewFields =>
  withinLife(checkSettings(settings, path, context), context.lifecycle, clock.now(), path);

/** What checked changes make of a key: `undefined` when they are none. Throws for an end that the key may not have. */
export function changedFields(before: Pick<KeyRecord, 'createdAt' | 'notBefore' | 'expiresAt'>, wanted: CheckedPatch, { lifecycle }: DraftContext): CheckedPatch | undefined {
  if (Object.keys(wanted).length === 0) return undefined;
  const after: KeyChanges = { ...before, ...wanted };
  if ('expiresAt' in wanted) return { ...wanted, expiresAt: withinLife(after, lifecycle, before.createdAt, 'update').expiresAt };
  if ('notBefore' in wanted) checkOrder(after, 'update.notBefore');
  return wanted;
}

/** Throws what `update` would say to a patch of this key. Nothing is changed. */
export const checkChange = (before: Pick<KeyRecord, 'createdAt' | 'notBefore' | 'expiresAt'>, patch: unknown, context: DraftContext): void => {
  changedFields(before, checkPatch(patch, 'update', context), context);
};
