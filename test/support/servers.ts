import { afterEach } from '@jest/globals';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import supertest from 'supertest';
import { exchange, type RawAnswer } from './raw-http.js';

/** A server on a free port. */
export interface TestServer {
  readonly port: number;
  /** A GET by supertest. */
  get(path: string, headers?: Readonly<Record<string, string>>): supertest.Test;
  readonly agent: ReturnType<typeof supertest>;
  /** Bytes as they are; see `exchange`. */
  raw(bytes: string | Buffer): Promise<readonly RawAnswer[]>;
}

export type Listen = (listener: RequestListener, make?: (listener: RequestListener) => Server) => Promise<TestServer>;

/** Starts servers, each closed after the test that started it. */
export function useServers(): Listen {
  const open = new Set<Server>();
  afterEach(async () => {
    for (const server of open) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    open.clear();
  });
  return async (listener, make = createServer) => {
    const server = make(listener);
    open.add(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const agent = supertest(server);
    return {
      port,
      agent,
      get: (path, headers = {}) => agent.get(path).set(headers),
      raw: (bytes) => exchange(port, bytes),
    };
  };
}
