import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REDIS, startRedis, type RedisServer } from './redis.js';
import type { Service } from './required.js';

/** It tells a program another time of day than the machine's. */
const LIBRARY = (existsSync('/usr/lib') ? readdirSync('/usr/lib') : []).map((folder) => join('/usr/lib', folder, 'faketime/libfaketime.so.1')).find((file) => existsSync(file));

export const STEPPED: Service = {
  name: `${REDIS.name} with libfaketime`,
  isHere: REDIS.isHere && LIBRARY !== undefined,
  howToInstall: `apt-get install libfaketime; ${REDIS.howToInstall}`,
};

/** A server whose clock can be set while it runs. */
export interface SteppedRedis extends RedisServer {
  /** Sets its clock so many milliseconds before the machine's, whatever it was until then; negative is behind. The next answer goes by it. */
  setAhead(ms: number): void;
}

export async function startStepped(): Promise<SteppedRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'keystile-clock-'));
  const file = join(folder, 'ahead');
  const write = (ms: number): void => {
    // At once: what is half written would be another time.
    writeFileSync(`${file}.new`, `${ms < 0 ? '-' : '+'}${(Math.abs(ms) / 1_000).toFixed(3)}\n`);
    renameSync(`${file}.new`, file);
  };
  write(0);
  const server = await startRedis({
    env: {
      ...process.env,
      // The server's own malloc would ask for the time before the library can tell it.
      LD_PRELOAD: `${LIBRARY ?? ''}:libc.so.6`,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DISABLE_SHM: '1',
      // As on a machine whose clock is set: what is measured goes on.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  });
  return {
    ...server,
    setAhead: write,
    async end() {
      await server.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
