import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exchange, requestText } from './raw-http.js';

/**
 * Whether this Node hands on a request with more than 1,000 header fields, less those beyond: 20 does, later ones answer
 * 431 themselves.
 */
async function dropsHeaderFields(): Promise<boolean> {
  const server = createServer((_req, res) => res.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const lines = Array.from({ length: 1_010 }, (_, index) => `${index.toString(36)}:`);
  const answer = await exchange((server.address() as AddressInfo).port, requestText(lines));
  await new Promise((resolve) => server.close(resolve));
  return !JSON.stringify(answer).includes('431');
}

export const nodeDropsHeaderFields = await dropsHeaderFields();
