/**
 * One server with one stack, in a process of its own: `node bench/server.mjs <host> <stack>`, started by `requests.mjs`.
 * Tells its port and keys, and on every message the CPU time it has used.
 */
import { createServer } from 'node:http';
import { createStack } from './stacks.mjs';

const [host, stack] = process.argv.slice(2);
/** 50 connections with 20 keys each. */
const KEYS = 1_000;

const { keys, listener } = await createStack(host, stack, KEYS);
const server = createServer(listener);
server.listen(0, '127.0.0.1', () => {
  process.send({ port: server.address().port, keys });
});
process.on('message', () => {
  process.send(process.cpuUsage());
});
process.on('disconnect', () => process.exit(0));
