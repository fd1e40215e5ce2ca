import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';

/** A port that is free at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Whether a program can be started from the PATH. */
export const isOnPath = (program: string): boolean => spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;

export interface Child {
  readonly process: ChildProcess;
  /** What it has said so far, for the message when it does not start. */
  readonly output: () => string;
  stop(): Promise<void>;
}

/** A server that a test breaks. */
export interface Breakable {
  /** Ends it as a crash does. */
  kill(): Promise<void>;
  /** Starts it again, with what it had written. */
  start(): Promise<void>;
  /** Stops it in the middle of what it does; connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
}

/** A program that ends with the tests, an interrupted run included. */
export function startChild(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Child {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output = (output + data.toString()).slice(-10_000)));
  const kill = (): void => void child.kill('SIGKILL');
  process.on('exit', kill);
  const ended = once(child, 'exit');
  return {
    process: child,
    output: () => output,
    async stop() {
      process.off('exit', kill);
      kill();
      await ended;
    },
  };
}

/**
 * Stops a program in the middle of what it does. The signal takes a while, in which the program may still answer: where that can be seen,
 * all its threads stand still when this is over.
 */
export function pause({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  process.kill(pid, 'SIGSTOP');
  const tasks = `/proc/${String(pid)}/task`;
  const isMoving = (): boolean => {
    try {
      return readdirSync(tasks).some((task) => !/\) [TtZX] /.test(readFileSync(`${tasks}/${task}/stat`, 'utf8')));
    } catch {
      // A thread has ended between the two, or this system has no such files.
      return existsSync(tasks);
    }
  };
  const end = performance.now() + 1_000;
  while (isMoving() && performance.now() < end);
}

/** Asks until the answer is no error; the children it waits for take a moment to listen. */
export async function until<T>(ask: () => Promise<T>, withinMs = 30_000): Promise<T> {
  const end = Date.now() + withinMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
