import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, isOnPath, pause } from './child.js';
import type { Service } from './required.js';

export const PROGRAMS = ['redis-server', 'valkey-server'] as const;
const PROGRAM = PROGRAMS.find(isOnPath) ?? 'redis-server';

/** For what one of the two is enough. */
export const REDIS: Service = {
  name: PROGRAMS.join(' or '),
  isHere: isOnPath(PROGRAM),
  howToInstall: 'apt-get install redis-server (or valkey-server), brew install redis',
};

/** A server of a test file's own, on a free port, with nothing in it. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
  /** Ends it for good, and removes what it has left. */
  end(): Promise<void>;
  /** Starts it again on the same port, with nothing in it. */
  start(): Promise<void>;
  /** Stops it in the middle of what it does; connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Sends one command on a connection of its own; the raw answer. */
  command(...words: string[]): Promise<string>;
}

/** What a server writes has to outlive it, not the machine: where there is a folder in memory, no test waits for a busy disk. */
const FOLDERS = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const MEMORY_ONLY = ['--save', '', '--appendonly', 'no'];

/** What is started, and what is said to it besides where it listens and that it writes nothing to disk. */
interface Arguments {
  readonly program?: string;
  readonly before?: readonly string[];
  readonly after?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts a server. It ends with the process at the latest. */
export async function startRedis({ program = PROGRAM, before = [], after = MEMORY_ONLY, env = process.env }: Arguments = {}): Promise<RedisServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(FOLDERS, 'keystile-redis-'));
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = spawn(program, [...before, '--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...after], { stdio: 'ignore', env });
    await until(async () => (await exchange(port, ['PING'])).startsWith('+PONG'));
  };
  const kill = async (): Promise<void> => {
    const dying = child;
    child = undefined;
    if (dying === undefined || dying.exitCode !== null || dying.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      dying.once('exit', () => resolve());
      dying.kill('SIGKILL');
    });
  };
  // An interrupted run leaves neither server nor folder behind.
  const end = (): void => {
    child?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', end);
  await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill,
    start,
    async end() {
      process.off('exit', end);
      await kill();
      end();
    },
    pause: () => child && pause(child),
    resume: () => child?.kill('SIGCONT'),
    command: (...words) => exchange(port, words),
  };
}

const CLUSTERED = [...MEMORY_ONLY, '--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf', '--cluster-require-full-coverage', 'no'];

/** Three masters on loopback that share the slots, and take one that says nothing for `timeoutMs` for dead. */
export async function startCluster(program: string = PROGRAM, timeoutMs = 15_000): Promise<readonly RedisServer[]> {
  const nodes = await Promise.all([1, 2, 3].map(async () => startRedis({ program, after: [...CLUSTERED, '--cluster-node-timeout', String(timeoutMs)] })));
  const cuts = [0, 5461, 10923, 16384];
  for (const [index, node] of nodes.entries()) {
    await node.command('CLUSTER', 'ADDSLOTSRANGE', String(cuts[index]), String((cuts[index + 1] ?? 0) - 1));
    await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
    await node.command('CLUSTER', 'MEET', '127.0.0.1', String(nodes[0]?.port));
  }
  for (const node of nodes) await until(async () => (await node.command('CLUSTER', 'INFO')).includes('cluster_state:ok') && (await node.command('CLUSTER', 'SLOTS')).match(/127\.0\.0\.1/g)?.length === 3);
  for (const node of nodes) await until(async () => (await node.command('CLUSTER', 'NODES')).match(/ connected/g)?.length === 3);
  return nodes;
}

/** Does what one of the nodes does, and takes its place when the others agree that it is dead. */
export async function startClusterReplica(program: string, nodes: readonly RedisServer[], master: RedisServer, timeoutMs: number): Promise<RedisServer> {
  await master.command('CONFIG', 'SET', 'repl-diskless-sync-delay', '0');
  const replica = await startRedis({ program, after: [...CLUSTERED, '--cluster-node-timeout', String(timeoutMs)] });
  for (const node of nodes) await replica.command('CLUSTER', 'MEET', '127.0.0.1', String(node.port));
  const id = /^\$\d+\r\n(\w+)/.exec(await master.command('CLUSTER', 'MYID'))?.[1] ?? '';
  await until(async () => (await replica.command('CLUSTER', 'REPLICATE', id)).startsWith('+OK'), 30_000);
  await until(async () => (await replica.command('INFO', 'replication')).includes('master_link_status:up'), 30_000);
  const isKnown = new RegExp(`:${replica.port}@.* slave ${id} .* connected`);
  for (const node of nodes) await until(async () => isKnown.test(await node.command('CLUSTER', 'NODES')), 30_000);
  return replica;
}

/** Does what another server does, and takes its place when a sentinel says so. */
export async function startReplica(master: RedisServer): Promise<RedisServer> {
  // Otherwise it would wait for others to come.
  await master.command('CONFIG', 'SET', 'repl-diskless-sync-delay', '0');
  const replica = await startRedis({ after: [...MEMORY_ONLY, '--replicaof', '127.0.0.1', String(master.port)] });
  await until(async () => (await replica.command('INFO', 'replication')).includes('master_link_status:up'));
  return replica;
}

/** A sentinel that watches a server and its replicas, under the name `main`, and takes it for dead when it says nothing for `downMs`. */
export async function startSentinel(master: RedisServer, downMs = 30_000): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'keystile-sentinel-'));
  const file = join(folder, 'sentinel.conf');
  writeFileSync(file, `sentinel monitor main 127.0.0.1 ${master.port} 1\nsentinel down-after-milliseconds main ${downMs}\n`);
  const server = await startRedis({ before: [file, '--sentinel'], after: [] });
  return {
    ...server,
    async end() {
      await server.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Asks again and again, a hundredth of a second apart, until the answer is yes. */
export async function until(isSo: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await Promise.resolve(isSo()).catch(() => false))) {
    if (performance.now() > end) throw new Error(`not so within ${ms} ms: ${isSo.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** One command by hand, without any client: what a test looks at must not depend on what is tested. */
async function exchange(port: number, words: readonly string[]): Promise<string> {
  const command = `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(command));
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => {
      text += part;
      const length = /^\$(\d+)\r\n/.exec(text);
      // A bulk answer is whole when its length says so; a list is taken as soon as it comes to rest.
      if (length === null ? text.endsWith('\r\n') : Buffer.byteLength(text) >= length[0].length + Number(length[1]) + 2) socket.end(() => resolve(text));
    });
    socket.on('error', reject);
    socket.on('close', () => (text === '' ? reject(new Error('no answer')) : resolve(text)));
  });
}
