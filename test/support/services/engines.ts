import { isOnPath } from './child.js';
import { PROGRAMS, startCluster, startClusterReplica, startRedis, type RedisServer } from './redis.js';
import { describeWith } from './required.js';

/** One of the servers that keystile promises to work on. */
interface Engine {
  startRedis(): Promise<RedisServer>;
  startCluster(timeoutMs?: number): Promise<readonly RedisServer[]>;
  startClusterReplica(nodes: readonly RedisServer[], master: RedisServer, timeoutMs: number): Promise<RedisServer>;
}

/** `describe` for what must hold on Redis and on Valkey alike. */
export function describeOnEach(title: string, body: (engine: Engine) => void): void {
  for (const program of PROGRAMS) {
    const service = { name: program, isHere: isOnPath(program), howToInstall: `apt-get install ${program} (Debian 12 has Valkey among its backports)` };
    describeWith(service)(`${title}, on ${program}`, () => {
      body({
        startRedis: () => startRedis({ program }),
        startCluster: (timeoutMs) => startCluster(program, timeoutMs),
        startClusterReplica: (nodes, master, timeoutMs) => startClusterReplica(program, nodes, master, timeoutMs),
      });
    });
  }
}
