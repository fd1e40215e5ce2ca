import { expect, it } from '@jest/globals';
import type { CompiledQuery, Kysely } from 'kysely';
import { CompiledQuery as Compiled } from 'kysely';
import { migrate } from '../../../src/sql/migrations.js';
import { isMysql } from '../../../src/sql/schema.js';
import { sqlStore } from '../../../src/sql/store.js';
import { fill, NOW, type FilledEngine } from './filling.js';
import type { TestEngine } from './engine.js';
import { LISTED, SEARCHED } from './listed.js';

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
  sqlite: { explain: 'explain query plan', readsAll: (plan) => /SCAN (?!json_each|\(subquery|[^"]* USING (?:COVERING )?INDEX|[^"]*VIRTUAL TABLE)/.test(plan), sorted: (plan) => (plan.includes('TEMP B-TREE FOR ORDER') ? (/json_each|keystile_keys_owner/.test(plan) ? FEW : Infinity) : 0) },
};

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
    for (const listed of [...LISTED, ...(isMysql(engine().kind) ? [] : SEARCHED)]) {
      seen.length = 0;
      const query = { limit: 50, now: NOW, ...listed };
      const { nextCursor } = await store.list(query);
      if (nextCursor !== undefined) await store.list({ ...query, cursor: nextCursor });
      const statements = seen.filter(({ sql }) => /keystile_(?:keys|search)/.test(sql));
      expect(statements.length).toBeGreaterThan(0);
      // Nothing of a tenant or an owner is looked for among the keys of all others; the servers know by themselves what is rare.
      const lead = engine().kind !== 'sqlite' ? /./ : 'tenantId' in listed ? /keystile_keys_(?:tenant|claim)/ : 'owner' in listed ? /keystile_keys_owner/ : /./;
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
    await plain.destroy();
    await db.destroy();
  });
}
