import type { ApiKey } from '../api/types.js';
import { DAY } from '../lib/words.js';
import { draftOf, type Access, type Draft, type RuleDraft } from './draft.js';

/** A body for the API, or what the form itself cannot make one of. Everything else is for the server to judge. */
export type Read = { readonly ok: true; readonly body: Readonly<Record<string, unknown>> } | { readonly ok: false; readonly field: string; readonly message: string };

class Unreadable extends Error {
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.name = 'Unreadable';
    this.field = field;
  }
}

/** The body that makes a key of a form: fields that are left alone stay away. */
export function readNew(draft: Draft, now: number): Read {
  return reading(() => {
    const { name, ...settings } = settingsOf(draft, now);
    const all: Readonly<Record<string, unknown>> = { tenantId: draft.tenantId, environment: draft.environment, slot: draft.slot, ...settings };
    return { name, ...Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== '')) };
  });
}

/** The body that changes a key into what the form says: what differs, and `null` for what has been cleared. */
export function readChanges(draft: Draft, key: ApiKey, now: number): Read {
  return reading(() => {
    const [wanted, before] = [settingsOf(draft, now), settingsOf(draftOf(key), now)];
    // To the minute is how the form shows a time: one that looks the same has not been touched.
    const changed = Object.entries(wanted).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]));
    return Object.fromEntries(changed.map(([name, value]) => [name, value === undefined ? CLEARED.get(name) ?? null : value]));
  });
}

/** What these have instead of nothing. */
const CLEARED: ReadonlyMap<string, unknown> = new Map<string, unknown>([['scopes', []], ['name', '']]);

function reading(read: () => Readonly<Record<string, unknown>>): Read {
  try {
    return { ok: true, body: read() };
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, field: error.field, message: error.message };
    throw error;
  }
}

function settingsOf(draft: Draft, now: number): Readonly<Record<string, unknown>> {
  const access = accessOf(draft);
  const tags = lines(draft.tags.replaceAll(',', '\n'));
  return {
    name: draft.name.trim(),
    owner: draft.ownerType === '' ? undefined : { type: draft.ownerType, id: draft.ownerId.trim() },
    scopes: draft.scopes.length === 0 ? undefined : draft.scopes,
    plan: draft.limitsBy === 'plan' && draft.plan !== '' ? draft.plan : undefined,
    limits: draft.limitsBy === 'own' ? draft.rules.map(ruleOf) : undefined,
    access: Object.keys(access).length === 0 ? undefined : access,
    metadata: metadataOf(draft.metadata),
    tags: tags.length === 0 ? undefined : tags,
    notBefore: timeOf('/notBefore', draft.notBefore),
    expiresAt: endOf(draft, now),
  };
}

/** One rule a line. */
const lines = (text: string): string[] => text.split('\n').map((line) => line.trim()).filter((line) => line !== '');

function accessOf(draft: Draft): Access {
  const { endpointsBy, originsBy, realtime } = draft;
  const [allow, deny, endpoints] = [lines(draft.ipsAllow), lines(draft.ipsDeny), lines(draft.endpoints)];
  const ips = { ...(allow.length > 0 && { allow }), ...(deny.length > 0 && { deny }) };
  return {
    ...(endpointsBy === 'none' && { endpoints: 'none' }),
    ...(endpointsBy === 'allow' && { endpoints: { allow: endpoints } }),
    ...(endpointsBy === 'deny' && { endpoints: { deny: endpoints } }),
    ...(Object.keys(ips).length > 0 && { ips }),
    ...(originsBy === 'server-only' && { origins: 'server-only' }),
    ...(originsBy === 'only' && { origins: lines(draft.origins) }),
    ...(!realtime && { realtime: false }),
  };
}

function ruleOf({ limit, each, per }: RuleDraft): Readonly<Record<string, unknown>> {
  // What is no number goes as it is: the server says what is wrong with it.
  const number = /^\d+$/.test(limit.trim()) ? Number(limit) : limit;
  return each === 'at-once' ? { kind: 'concurrency', limit: number, per } : { kind: 'window', windowMs: Number(each), limit: number, per };
}

function metadataOf(text: string): unknown {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Unreadable('/metadata', 'is not JSON yet: write an object such as {"team": "billing"}');
  }
}

function timeOf(field: string, text: string): string | undefined {
  if (text === '') return undefined;
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) throw new Unreadable(field, 'is not a date and time yet');
  return at.toISOString();
}

function endOf({ expiry, expiresAt }: Draft, now: number): string | undefined {
  if (expiry === 'never') return undefined;
  if (expiry !== 'date') return new Date(now + Number(expiry) * DAY).toISOString();
  if (expiresAt === '') throw new Unreadable('/expiresAt', 'choose the day and time at which it ends');
  return timeOf('/expiresAt', expiresAt);
}
