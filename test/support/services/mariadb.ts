import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kysely, MysqlDialect, type KyselyConfig } from 'kysely';
import mysql from 'mysql2';
import { freePort, isOnPath, pause, startChild, until, type Breakable, type Child } from './child.js';
import type { Service } from './required.js';

/** A server that understands MySQL's language: the two makers differ in how one is made, and in what they call themselves. */
interface Maker {
  readonly engine: 'mariadb' | 'mysql';
  readonly server: string;
  /** The program that makes an empty folder of data, and its settings. */
  readonly install: readonly [program: string, ...flags: string[]];
  readonly flags: readonly string[];
}

/** One of the two, as the tests see it. */
export interface MysqlService extends Service {
  readonly engine: Maker['engine'];
  /** The one that a variable names, or one of its own. */
  start(): Promise<MysqlServer>;
  /** One that a test may do anything to. */
  startOwn(): Promise<MysqlServer & Breakable>;
}

export interface MysqlServer {
  readonly url: string;
  stop(): Promise<void>;
}

const MARIADB_SERVER = 'mariadbd';
const MARIADB_INSTALL = 'mariadb-install-db';
const { MYSQLD = 'mysqld', MYSQL_URL, MARIADB_URL } = process.env;

export const MARIADB = mysqlService({
  name: 'MariaDB',
  isHere: MARIADB_URL !== undefined || (isOnPath(MARIADB_SERVER) && isOnPath(MARIADB_INSTALL)),
  howToInstall: 'apt-get install mariadb-server, or set MARIADB_URL to an empty database',
}, { engine: 'mariadb', server: MARIADB_SERVER, install: [MARIADB_INSTALL, '--auth-root-authentication-method=normal', '--skip-test-db', '--no-defaults'], flags: [] }, MARIADB_URL);

export const MYSQL = mysqlService({
  name: 'MySQL',
  isHere: MYSQL_URL !== undefined || process.env['MYSQLD'] !== undefined || isMysql(MYSQLD),
  howToInstall: 'install mysql-server-core-8.0, set MYSQLD to the path of a mysqld, or MYSQL_URL to an empty database',
}, { engine: 'mysql', server: MYSQLD, install: [MYSQLD, '--no-defaults', '--initialize-insecure'], flags: ['--mysqlx=OFF', '--performance-schema=OFF', '--secure-file-priv=NULL'] }, MYSQL_URL);

/** Both are tested by the same suites: MariaDB always, and MySQL, which Debian has not, where there is one. */
export const MYSQLS: readonly MysqlService[] = MYSQL.isHere ? [MARIADB, MYSQL] : [MARIADB];

/** MariaDB may go by the name of MySQL. */
function isMysql(program: string): boolean {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return typeof stdout === 'string' && stdout !== '' && !/mariadb/i.test(stdout);
}

function mysqlService(service: Service, maker: Maker, given: string | undefined): MysqlService {
  const startOwn = (): Promise<MysqlServer & Breakable> => launchNew(maker);
  return { ...service, engine: maker.engine, startOwn, start: () => (given === undefined ? startOwn() : Promise.resolve({ url: given, stop: () => Promise.resolve() })) };
}

async function launchNew({ engine, server, install: [install, ...how], flags }: Maker): Promise<MysqlServer & Breakable> {
  const folder = mkdtempSync(join(tmpdir(), `keystile-${engine}-`));
  const data = join(folder, 'data');
  const user = process.getuid?.() === 0 ? ['--user=root'] : [];
  execFileSync(install, [...how, `--datadir=${data}`, ...user], { stdio: 'ignore' });
  const port = await freePort();
  // A folder of its own for temporary tables too: servers of several containers that share one get in each other's way.
  const places = [`--datadir=${data}`, `--tmpdir=${folder}`, `--port=${port}`, '--bind-address=127.0.0.1', `--socket=${join(folder, 'sock')}`, `--pid-file=${join(folder, 'pid')}`];
  // Written at each commit, so that it outlives the server; left to the system to flush, which it need not outlive here.
  const launch = (): Child => startChild(server, ['--no-defaults', ...places, '--innodb-flush-log-at-trx-commit=2', '--skip-log-bin', ...flags, ...user]);
  const root = `mysql://root@127.0.0.1:${port}`;
  let child = launch();
  const answers = async (): Promise<void> => {
    try {
      await until(() => query(root, 'create database if not exists keystile character set latin1'));
    } catch (error) {
      throw new Error(`${server} did not start: ${child.output()}`, { cause: error });
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
    pause: () => {
      pause(child.process);
    },
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
