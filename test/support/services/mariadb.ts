import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kysely, MysqlDialect, type KyselyConfig } from 'kysely';
import mysql from 'mysql2';
import { freePort, isOnPath, startChild, until, type Breakable, type Child } from './child.js';
import type { Service } from './required.js';

const SERVER = 'mariadbd';
const INSTALL = 'mariadb-install-db';

export const MARIADB: Service = {
  name: 'MariaDB',
  isHere: process.env['MYSQL_URL'] !== undefined || (isOnPath(SERVER) && isOnPath(INSTALL)),
  howToInstall: 'apt-get install mariadb-server, or set MYSQL_URL to an empty database',
};

export interface MysqlServer {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startMariadb(): Promise<MysqlServer> {
  const given = process.env['MYSQL_URL'];
  return given === undefined ? startOwnMariadb() : { url: given, stop: () => Promise.resolve() };
}

/** One that a test may do anything to. */
export async function startOwnMariadb(): Promise<MysqlServer & Breakable> {
  const folder = mkdtempSync(join(tmpdir(), 'keystile-mariadb-'));
  const data = join(folder, 'data');
  const user = process.getuid?.() === 0 ? ['--user=root'] : [];
  execFileSync(INSTALL, [`--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db', '--no-defaults', ...user], { stdio: 'ignore' });
  const port = await freePort();
  const flags = [`--datadir=${data}`, `--port=${port}`, '--bind-address=127.0.0.1', `--socket=${join(folder, 'sock')}`, `--pid-file=${join(folder, 'pid')}`];
  // Written at each commit, so that it outlives the server; left to the system to flush, which it need not outlive here.
  const launch = (): Child => startChild(SERVER, ['--no-defaults', ...flags, '--innodb-flush-log-at-trx-commit=2', '--skip-log-bin', ...user]);
  const root = `mysql://root@127.0.0.1:${port}`;
  let child = launch();
  const answers = async (): Promise<void> => {
    try {
      await until(() => query(root, 'create database if not exists keystile character set latin1'));
    } catch (error) {
      throw new Error(`mariadbd did not start: ${child.output()}`, { cause: error });
    }
  };
  await answers();
  return {
    url: `${root}/keystile`,
    kill: () => child.stop(),
    async start() {
      child = launch();
      await answers();
    },
    pause: () => void child.process.kill('SIGSTOP'),
    resume: () => void child.process.kill('SIGCONT'),
    async stop() {
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function query(url: string, text: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const connection = mysql.createConnection({ uri: url });
    connection.on('error', reject);
    connection.query(text, (error, rows) => {
      connection.destroy();
      if (error === null) resolve(rows);
      else reject(error);
    });
  });
}

export const mysqlPool = (url: string, options: mysql.PoolOptions = {}): mysql.Pool => mysql.createPool({ uri: url, connectionLimit: 10, ...options });

export const mysqlDatabase = (pool: mysql.Pool, config: Omit<KyselyConfig, 'dialect'> = {}): Kysely<unknown> => new Kysely<unknown>({ ...config, dialect: new MysqlDialect({ pool }) });
