import { expect, it } from '@jest/globals';
import type { CompiledQuery, Kysely } from 'kysely';
import { CompiledQuery as Compiled } from 'kysely';
import { migrate } from '../../../src/sql/migrations.js';
import { isMysql } from '../../../src/sql/schema.js';
import { sqlStore } from '../../../src/sql/store.js';
import { fill, NOW, type FilledEngine } from './filling.js';
import type { TestEngine } from './engine.js';
import { LISTED, SEARCHED, SEARCHED_OTHERWISE } from './listed.js';

/** So many rows may be sorted: what a statement is given one by one, and what the engine knows to be few. */
const FEW = 5_500;
const rowsOf = (plan: string, pattern: RegExp): number => Math.max(0, ...Array.from(plan.matchAll(pattern), ([, rows]) => Number(rows)));

interface PlanReading {
  readonly explain: string;
  readonly readsAll: (plan: string) => boolean;
  readonly sorted: (plan: string) => number;
}

const OF_MYSQL: PlanReading = { explain: 'explain', readsAll: (plan) => /"table":"(?!given|<subquery)[^"]*",(?:"partitions":null,)?"type":"ALL"/.test(plan), sorted: (plan) => (plan.includes('filesort') ? rowsOf(plan, /"rows":"?(\d+)/g) : 0) };

/** What an engine says when it reads a whole table, and how many rows it means to sort; SQLite does not say how many. */
const PLANS: Readonly<Record<FilledEngine, PlanReading>> = {
  postgres: { explain: 'explain', readsAll: (plan) => /Seq Scan on/.test(plan), sorted: (plan) => rowsOf(plan, /Sort {2}\(cost=[\d.]+ rows=(\d+)/g) },
  mariadb: OF_MYSQL,
  mysql: OF_MYSQL,
  sqlite: { explain: 'explain query plan', readsAll: (plan) => /SCAN (?!json_each|\(subquery|[^"]* USING (?:COVERING )?INDEX|[^"]*VIRTUAL TABLE)/.test(plan), sorted: (plan) => (plan.includes('TEMP B-TREE FOR ORDER') && !isInStretches(plan) ? (/json_each|keystile_keys_owner/.test(plan) ? FEW : Infinity) : 0) },
};

/** SQLite's index of texts, from one row number to another. */
const isInStretches = (plan: string): boolean => /VIRTUAL TABLE INDEX \d+:M\d+></.test(plan);

/** So many texts may be looked at for a page: two walks, the longer of which ends after 20,000. */
const MOST_READ = 25_000;

/** How many rows a search in the order of creation has read: PostgreSQL counts them, SQLite is asked for what is there to be sorted. */
async function readBy(db: Kysely<unknown>, kind: FilledEngine, { sql, parameters }: CompiledQuery, plan: string): Promise<number> {
  if (kind === 'postgres') {
    const { rows } = await db.executeQuery<Record<string, string>>(Compiled.raw(`explain (analyze, costs off) ${sql}`, [...parameters]));
    // What a subquery is scanned for has been counted where it comes from.
    const scans = rows.flatMap((row) => Object.values(row)).join('\n').split('->').filter((node) => /Scan /.test(node) && !node.includes('Subquery Scan'));
    return scans.map((node) => rowsOf(node, /rows=([\d.]+) loops/g) * rowsOf(node, /loops=(\d+)/g) + rowsOf(node, /Removed by Filter: (\d+)/g)).reduce((sum, read) => sum + read, 0);
  }
  if (!isInStretches(plan)) return Infinity;
  if (!plan.includes('TEMP B-TREE')) return 0;
  const counting = sql.replace(/^\s*select .*? from /s, 'select count(*) as found from ').replace(/ order by .*$/s, '');
  const { rows } = await db.executeQuery<{ readonly found: number }>(Compiled.raw(counting, parameters.slice(0, -1)));
  return rows[0]?.found ?? Infinity;
}

/** The first ids of a search, as the texts have it, by a statement that reads and sorts everything. */
async function foundByReading(db: Kysely<unknown>, { search, sort }: (typeof SEARCHED)[number], limit: number): Promise<string[]> {
  const direction = sort?.direction ?? 'desc';
  const { rows } = await db.executeQuery<{ readonly id: string }>(Compiled.raw(
    `select k.id from keystile_keys k join keystile_search s on s.key_id = k.id where k.deleted = 0 and s.content like '%${search.toLowerCase()}%' order by k.created_at ${direction}, k.id ${direction} limit ${limit}`, [],
  ));
  return rows.map(({ id }) => id);
}

/** How many ids a query finds, which come one to a row, or all of them packed. */
async function countOf(db: Kysely<unknown>, sql: string, parameters: readonly unknown[]): Promise<number> {
  const { rows } = await db.executeQuery<{ readonly packed?: string }>(Compiled.raw(sql, [...parameters]));
  const packed = rows[0]?.packed;
  return packed === undefined ? rows.length : (JSON.parse(packed) as unknown[]).length;
}

export function planSuite(engine: () => TestEngine, count = 50_000): void {
  it(`reads and sorts no whole table to list a page of ${count} keys`, async () => {
    const seen: CompiledQuery[] = [];
    const db: Kysely<unknown> = engine().connect({ log: ({ query }) => void seen.push(query) });
    await migrate(db);
    await fill(db, engine().kind, count);
    const store = sqlStore(db);
    const { explain, readsAll, sorted } = PLANS[engine().kind];
    const plain = engine().connect();
    // MySQL and MariaDB have no index for parts of texts, which the docs say.
    for (const listed of [...LISTED, ...(isMysql(engine().kind) ? [] : SEARCHED_OTHERWISE)]) {
      seen.length = 0;
      const query = { limit: 50, now: NOW, ...listed };
      const { nextCursor } = await store.list(query);
      if (nextCursor !== undefined) await store.list({ ...query, cursor: nextCursor });
      const statements = seen.filter(({ sql }) => /keystile_(?:keys|search)/.test(sql));
      expect(statements.length).toBeGreaterThan(0);
      // Nothing of a tenant or an owner is looked for among the keys of all others; the servers know by themselves what is rare.
      const lead = engine().kind !== 'sqlite' || 'search' in listed ? /./ : 'tenantId' in listed ? /keystile_keys_(?:tenant|claim)/ : 'owner' in listed ? /keystile_keys_owner/ : /./;
      for (const { sql, parameters } of statements) {
        const { rows } = await plain.executeQuery(Compiled.raw(`${explain} ${sql}`, [...parameters]));
        const plan = JSON.stringify(rows);
        // A look for what most keys have ends after so many.
        const endsSoon = /limit 5001\)?$/.test(sql.trim()) && (await countOf(plain, sql, parameters)) === 5_001;
        // A walk that looks for a few given ones would pass all others first, however quick it is where they come soon.
        if (isMysql(engine().kind) && /k`?\.`?id`? in/.test(sql) && !/"table":"k".*?"key":"PRIMARY"/.test(plan)) throw new Error(`${JSON.stringify(listed)} walks to given keys: ${sql}\n${plan}`);
        if (!lead.test(plan)) throw new Error(`${JSON.stringify(listed)} goes by another index: ${sql}\n${plan}`);
        if ((readsAll(plan) && !endsSoon) || sorted(plan) > FEW) throw new Error(`${JSON.stringify(listed)} reads or sorts a whole table: ${sql}\n${plan}`);
      }
    }
    for (const searched of SEARCHED) {
      seen.length = 0;
      const query = { limit: 50, now: NOW, ...searched };
      const first = await store.list(query);
      const second = first.nextCursor === undefined ? { records: [] } : await store.list({ ...query, cursor: first.nextCursor });
      const ids = [...first.records, ...second.records].map(({ id }) => id);
      expect([searched, ids]).toEqual([searched, await foundByReading(plain, searched, 100)]);
      if (isMysql(engine().kind)) continue;
      for (const statement of seen.filter(({ sql }) => /keystile_search/.test(sql))) {
        const { rows } = await plain.executeQuery(Compiled.raw(`${explain} ${statement.sql}`, [...statement.parameters]));
        const plan = JSON.stringify(rows);
        const read = await readBy(plain, engine().kind, statement, plan);
        if (readsAll(plan) || sorted(plan) > FEW || read > MOST_READ) throw new Error(`${JSON.stringify(searched)} reads ${read} or sorts a whole table: ${statement.sql}\n${plan}`);
      }
    }
    await plain.destroy();
    await db.destroy();
  }, 180_000);
}
