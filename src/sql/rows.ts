import type { KeyChanges, KeyRecord, Owner } from '../core/record.js';
import type { Row } from './steps.js';

/** How a field lies in its column: `text`, `number` (whole), or `json`, which is text to the database. */
type Kind = 'text' | 'number' | 'json';
type Field = Exclude<keyof KeyRecord, 'owner'>;

/** Most characters of a text column, where the engine (MySQL) wants to know. */
export const SIZES = {
  id: 255, hash: 512, masked: 255, name: 256, environment: 32, tenant_id: 256, owner_type: 32, owner_id: 256, plan: 255,
  revoked_reason: 1_024, revoked_by: 256, replaced_by: 255, rotated_from: 255, slot: 16, last_used_ip: 64, tag: 128,
} as const;

const COLUMNS: Readonly<Record<Field, readonly [column: string, kind: Kind]>> = {
  id: ['id', 'text'],
  version: ['version', 'number'],
  hash: ['hash', 'text'],
  masked: ['masked', 'text'],
  name: ['name', 'text'],
  environment: ['environment', 'text'],
  tenantId: ['tenant_id', 'text'],
  scopes: ['scopes', 'json'],
  plan: ['plan', 'text'],
  limits: ['limits', 'json'],
  access: ['access', 'json'],
  metadata: ['metadata', 'json'],
  tags: ['tags', 'json'],
  createdAt: ['created_at', 'number'],
  updatedAt: ['updated_at', 'number'],
  notBefore: ['not_before', 'number'],
  expiresAt: ['expires_at', 'number'],
  disabledAt: ['disabled_at', 'number'],
  revokedAt: ['revoked_at', 'number'],
  revokedReason: ['revoked_reason', 'text'],
  revokedBy: ['revoked_by', 'text'],
  graceExpiresAt: ['grace_expires_at', 'number'],
  replacedBy: ['replaced_by', 'text'],
  rotatedFrom: ['rotated_from', 'text'],
  slot: ['slot', 'text'],
  deletedAt: ['deleted_at', 'number'],
  lastUsedAt: ['last_used_at', 'number'],
  lastUsedIp: ['last_used_ip', 'text'],
};

const FIELDS = Object.entries(COLUMNS) as readonly (readonly [Field, readonly [string, Kind]])[];

/** Every column that a record is read from, in the order in which it is. */
export const COLUMN_NAMES: readonly string[] = [...FIELDS.map(([, [column]]) => column), 'owner_type', 'owner_id'];

export type Value = string | number | null;

/** The columns that stand for some fields of a record; `undefined` and `null` clear theirs. Throws for what could not be read back as it is. */
export function toColumns(fields: KeyChanges | KeyRecord): [column: string, value: Value][] {
  return Object.entries(fields).flatMap(([field, value]: [string, unknown]): [string, Value][] => {
    if (field === 'owner') {
      const owner = value as Owner | undefined | null;
      return [['owner_type', checked('owner_type', 'text', owner?.type)], ['owner_id', checked('owner_id', 'text', owner?.id)]];
    }
    if (!Object.hasOwn(COLUMNS, field)) throw new TypeError(`a key record has no field '${field.slice(0, 64)}' that this version of keystile knows`);
    const [column, kind] = COLUMNS[field as Field];
    return [[column, checked(column, kind, value)]];
  });
}

function checked(column: string, kind: Kind, value: unknown): Value {
  if (value === undefined || value === null) return null;
  if (kind === 'json') return JSON.stringify(value);
  if (kind === 'number') {
    if (!Number.isSafeInteger(value)) throw new TypeError(`${column} must be a whole number`);
    return value as number;
  }
  const most = (SIZES as Readonly<Partial<Record<string, number>>>)[column] ?? 0;
  if (typeof value !== 'string' || !isStorable(value) || value.length > most) throw new TypeError(`${column} must be a text of at most ${String(most)} characters, well-formed and without NUL`);
  return value;
}

/** Whether every engine keeps a text as it is: none keeps half a surrogate pair, PostgreSQL no NUL. What is not storable is nowhere stored. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** The record in a row, as `Dialect.record` asks for it. A column that cannot be read throws: half a record must deny. */
export function toRecord(row: Row): KeyRecord {
  const { packed } = row;
  const values = packed === undefined ? COLUMN_NAMES.map((column) => row[column]) : (JSON.parse(packed as string) as readonly unknown[]);
  const record: Record<string, unknown> = {};
  FIELDS.forEach(([field, [, kind]], index) => {
    const value = values[index];
    if (value === null || value === undefined) return;
    // Drivers give large numbers as texts or bigints.
    record[field] = kind === 'text' ? value : kind === 'number' ? Number(value) : JSON.parse(value as string);
  });
  const [type, id] = [values[FIELDS.length], values[FIELDS.length + 1]];
  if (type !== null && type !== undefined) record['owner'] = { type, id };
  return record as unknown as KeyRecord;
}

/**
 * The text in which `search` looks: as JavaScript lower-cases it, whatever the engine would make of it. Two ends of lines close it, so
 * that each of its letters begins a three-letter part.
 */
export function searchText({ id, name, tenantId, owner }: KeyRecord): string {
  return [id, name, tenantId, owner?.id, '', ''].join('\n').toLowerCase();
}
