import { sql, type Kysely } from 'kysely';
import { isMysql } from '../../../src/sql/schema.js';

/** Where both of MySQL's kind have whole numbers from. */
const ofMysql = (count: number): string => `json_table(concat('[', repeat('0,', ${String(count - 1)}), '0]'), '$[*]' columns (i for ordinality)) as n`;

/** Where whole numbers from 1 come from, as `i`. */
const NUMBERS = {
  postgres: (count: number) => `generate_series(1::bigint, ${String(count)}) as n(i)`,
  mariadb: ofMysql,
  mysql: ofMysql,
  sqlite: (count: number) => `(with recursive n(i) as (select 1 union all select i + 1 from n where i < ${String(count)}) select i from n) as n`,
} as const;

export type FilledEngine = keyof typeof NUMBERS;

/** The moment of which the keys below are active, expired, and so on. */
export const NOW = 1_800_000_000_000;

/**
 * Words in the names of some keys: of a million, one has `solitary`, some 300 `triplet`, 5,000 `quarterly`, 50,000 `nightly`, spread over all
 * that there are; as many `legacy`, `vintage` and `antique`, which are the oldest.
 */
const wordsOf = (count: number): string =>
  Object.entries({
    solitary: 'i = 77', triplet: 'i % 3331 = 7', quarterly: 'i % 199 = 8', nightly: 'i % 19 = 9',
    legacy: `i * 10000 <= ${String(count * 3)}`, vintage: `i * 200 <= ${String(count)}`, antique: `i * 20 <= ${String(count)}`,
  }).map(([word, when]) => `case when ${when} then ' ${word}' else '' end`).join(', ');

/**
 * Statements that fill empty tables with `count` keys, of 1,000 tenants and many owners, made in the database itself. One in a hundred
 * is revoked, disabled, expired, scheduled, deleted or in the test environment each; a fifth was never used, half have no end.
 */
function filling(engine: FilledEngine, count: number): string[] {
  // Multiplied by an odd number: every key another id, in no order.
  const id = "concat('k', i * 2654435761 % 4294967296)";
  const at = (modulus: number, rest: number, value: string): string => `case when i % ${String(modulus)} = ${String(rest)} then ${value} end`;
  const fields = {
    id, version: '1', hash: `concat('sha256:', ${id})`, masked: "'awx_...x4f2'", name: `concat('Service ', i * 7919 % 100003, ' backend', ${wordsOf(count)})`,
    environment: "case when i % 100 = 6 then 'test' else 'live' end", tenant_id: "concat('tenant-', i * 31 % 1000)", owner_type: "'user'",
    owner_id: "concat('user-', i * 17 % 20011)", scopes: `'["read"]'`, tags: at(50, 0, `'["rare"]'`), created_at: `${String(NOW)} - 31536000000 + i * 10`,
    updated_at: String(NOW), not_before: at(100, 4, String(NOW + 1000)), expires_at: `case when i % 100 = 3 then ${String(NOW - 1)} when i % 2 = 0 then ${String(NOW + 1)} + i * 7919 % 1000003 end`,
    disabled_at: at(100, 2, '1'), revoked_at: at(100, 1, '1'), deleted_at: at(100, 5, '1'), last_used_at: `case when i % 5 > 0 then ${String(NOW)} - i * 7919 % 1000003 end`,
  };
  const numbers = NUMBERS[engine](count);
  return [
    `insert into keystile_keys (${Object.keys(fields).join(', ')}) select ${Object.values(fields).join(', ')} from ${numbers}`,
    `insert into keystile_search (${engine === 'sqlite' ? 'seq' : 'created_at'}, key_id, content)
      select ${engine === 'sqlite' ? '(created_at / 128 << 24) + row_number() over (partition by created_at / 128)' : 'created_at'}, id, lower(concat(id, '\n', name, '\n', tenant_id, '\n', owner_id, '\n\n')) from keystile_keys order by created_at`,
    "insert into keystile_tags (tag, created_at, key_id) select 'rare', created_at, id from keystile_keys where tags is not null",
    ...(engine === 'postgres' ? ['vacuum analyze'] : []),
    ...(isMysql(engine) ? ['analyze table keystile_keys, keystile_search, keystile_tags'] : []),
  ];
}

/** The id of the key with a number from 1. */
export const idOf = (number: number): string => `k${String((BigInt(number) * 2_654_435_761n) % 4_294_967_296n)}`;

export async function fill(db: Kysely<unknown>, engine: FilledEngine, count: number): Promise<void> {
  for (const statement of filling(engine, count)) await sql.raw(statement).execute(db);
}
