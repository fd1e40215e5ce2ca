import { randomBytes } from 'node:crypto';
import type { Kysely, KyselyConfig } from 'kysely';
import { migrate } from '../../../src/sql/migrations.js';
import { sqlStore } from '../../../src/sql/store.js';
import type { KeyStore } from '../../../src/core/ports.js';
import type { FilledEngine } from './filling.js';

/** One engine, as the suites see it. */
export interface TestEngine {
  readonly kind: FilledEngine;
  /** A new Kysely instance with connections of its own, to the one database of the test file. */
  connect(config?: Omit<KyselyConfig, 'dialect'>): Kysely<unknown>;
  /** A schema that `migrate` can make, where the engine has any. */
  readonly schema: string | undefined;
}

/** A prefix that no other test has. */
export const newPrefix = (): string => `t${randomBytes(4).toString('hex')}_`;

/** Runs a test on tables of its own, with as many connections as it asks for. */
export async function withTables(engine: () => TestEngine, test: (open: (config?: Omit<KyselyConfig, 'dialect'>) => { db: Kysely<unknown>; store: KeyStore }, prefix: string) => Promise<void>): Promise<void> {
  const tablePrefix = newPrefix();
  const connections: Kysely<unknown>[] = [];
  const open = (config?: Omit<KyselyConfig, 'dialect'>) => {
    const db = engine().connect(config);
    connections.push(db);
    return { db, store: sqlStore(db, { tablePrefix }) };
  };
  try {
    await migrate(open().db, { tablePrefix });
    await test(open, tablePrefix);
  } finally {
    for (const db of connections) await db.destroy();
  }
}
