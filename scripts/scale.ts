/**
 * Fills a new database with keys, asks for lists and single keys, and prints how long each takes and by which plan.
 *
 *     npx tsx scripts/scale.ts sqlite|postgres|mariadb|mysql [count] [--plans] [--searches]
 */
import { CompiledQuery, type Kysely, type KyselyConfig } from 'kysely';
import { migrate } from '../src/sql/migrations.js';
import { sqlStore } from '../src/sql/store.js';
import { fill, idOf, NOW, type FilledEngine } from '../test/sql/suites/filling.js';
import { LISTED, SEARCHED, SEARCHED_OTHERWISE } from '../test/sql/suites/listed.js';
import { MARIADB, MYSQL, mysqlDatabase, mysqlPool, type MysqlService } from '../test/support/services/mariadb.js';
import { postgresDatabase, postgresPool, startPostgres } from '../test/support/services/postgres.js';
import { sqliteDatabase, sqliteFile } from '../test/support/services/sqlite.js';

type Config = Omit<KyselyConfig, 'dialect'>;
interface Opened {
  connect(config?: Config): Kysely<unknown>;
  stop(): Promise<void>;
}

async function openedMysql(service: MysqlService): Promise<Opened> {
  const server = await service.start();
  return { connect: (config) => mysqlDatabase(mysqlPool(server.url), config), stop: () => server.stop() };
}

const ENGINES: Readonly<Record<FilledEngine, () => Promise<Opened>>> = {
  async postgres() {
    const server = await startPostgres();
    return { connect: (config) => postgresDatabase(postgresPool(server.url), config), stop: () => server.stop() };
  },
  mariadb: () => openedMysql(MARIADB),
  mysql: () => openedMysql(MYSQL),
  sqlite() {
    const file = sqliteFile();
    return Promise.resolve({ connect: (config?: Config) => sqliteDatabase(file.path, config), stop: () => Promise.resolve().then(() => file.remove()) });
  },
};

const [name = 'sqlite', countText = '1000000', ...flags] = process.argv.slice(2);
const engine = name as FilledEngine;
const count = Number(countText);
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

async function timed(rounds: number, work: (round: number) => unknown): Promise<string> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    await work(round);
    times.push(performance.now() - began);
  }
  return `${median(times).toFixed(2).padStart(9)} ms`;
}

async function main(): Promise<void> {
  const server = await ENGINES[engine]();
  const seen: CompiledQuery[] = [];
  const db = server.connect({ log: ({ query }) => void seen.push(query) });
  const plain = server.connect();
  await migrate(db);
  console.log(`${engine}, ${String(count)} keys, made in${await timed(1, () => fill(plain, engine, count))}; medians of 9`);
  const store = sqlStore(db);
  for (const listed of [...(flags.includes('--searches') ? [] : LISTED), ...SEARCHED, ...SEARCHED_OTHERWISE]) {
    const query = { limit: 50, now: NOW, ...listed };
    const first = await timed(9, () => store.list(query));
    seen.length = 0;
    const { records, nextCursor } = await store.list(query);
    const statements = [...seen];
    const next = nextCursor === undefined ? '' : await timed(9, () => store.list({ ...query, cursor: nextCursor }));
    console.log(`${first} ${next.padStart(12)}  ${String(records.length).padStart(3)}  ${JSON.stringify(listed)}`);
    if (!flags.includes('--plans')) continue;
    for (const { sql, parameters } of statements) {
      const { rows } = await plain.executeQuery(CompiledQuery.raw(`${engine === 'sqlite' ? 'explain query plan' : 'explain'} ${sql}`, [...parameters]));
      console.log(rows.map((row) => `${' '.repeat(30)}${JSON.stringify(row).slice(0, 200)}`).join('\n'));
    }
  }
  const ids = (round: number): string => idOf(1 + ((round * 7_919) % count));
  console.log(`${await timed(2_000, (round) => store.find({ by: 'id', id: ids(round) }))}  a key by its id`);
  console.log(`${await timed(2_000, (round) => plain.executeQuery(CompiledQuery.raw(`select * from keystile_keys where id = ${engine === 'postgres' ? '$1' : '?'}`, [ids(round)])))}  the same row by a bare statement`);
  console.log(`${await timed(3, (round) => store.touch(Array.from({ length: 1_000 }, (_, index) => ({ id: ids(index * 3 + round), at: NOW + 10 + round }))))}  1,000 uses noted`);
  await Promise.all([db.destroy(), plain.destroy()]);
  await server.stop();
}

await main();
