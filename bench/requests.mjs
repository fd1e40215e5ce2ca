/**
 * Requests per second, and what each costs the server: `node bench/requests.mjs <host>`. autocannon runs here, each server
 * in a process of its own; one at a time is asked, in turn.
 */
import autocannon from 'autocannon';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { finish, judge, QUICK, ratios, show, spread } from './measure.mjs';
import { PATH, STACKS } from './stacks.mjs';

const host = process.argv[2] ?? 'Express 5';
const ROUNDS = QUICK ? 1 : 5;
const SECONDS = QUICK ? 1 : 3;
const CONNECTIONS = 50;

async function start(stack) {
  const child = fork(fileURLToPath(new URL('server.mjs', import.meta.url)), [host, stack], { env: { ...process.env, NODE_ENV: 'production' } });
  const [{ port, keys }] = await once(child, 'message');
  return { stack, child, port, keys, perSecond: [], cpu: [], busy: [] };
}

async function cpuOf({ child }) {
  child.send('cpu');
  const [{ user, system }] = await once(child, 'message');
  return user + system;
}

/** Every connection goes round keys of its own, so no key meets its limit of five at once. */
async function fire({ port, keys, stack }, seconds) {
  let connection = 0;
  const share = keys.length / CONNECTIONS;
  const result = await autocannon({
    url: `http://127.0.0.1:${port}${PATH}`,
    connections: CONNECTIONS,
    duration: seconds,
    setupClient(client) {
      const own = keys.slice(connection * share, ++connection * share);
      client.setRequests(own.map((key) => ({ method: 'GET', path: PATH, headers: { 'X-API-Key': key, accept: '*/*', 'user-agent': 'bench/1.0' } })));
    },
  });
  if (result['2xx'] === 0 || result.non2xx + result.errors + result.timeouts > 0) {
    throw new Error(`${stack} on ${host}: ${result['2xx']} answers of 2xx, ${result.non2xx} others, ${result.errors} errors`);
  }
  return result;
}

const servers = [];
for (const stack of STACKS) servers.push(await start(stack));
for (const server of servers) await fire(server, QUICK ? 1 : 3);
for (let round = 0; round < ROUNDS; round++) {
  const shift = round % servers.length;
  for (const server of [...servers.slice(shift), ...servers.slice(0, shift)]) {
    const before = await cpuOf(server);
    const result = await fire(server, SECONDS);
    const cpu = (await cpuOf(server)) - before;
    const served = result['2xx'];
    server.perSecond.push(served / result.duration);
    server.cpu.push(cpu / served);
    server.busy.push((100 * cpu) / (result.duration * 1e6));
  }
}
for (const { child } of servers) child.disconnect();

const [bare, , passport, own] = servers;
const figures = servers.map(({ stack, perSecond, cpu, busy }) => ({
  host,
  stack,
  'requests per second': show(spread(perSecond), 0),
  '÷ bare': show(ratios(perSecond, bare.perSecond)),
  'server CPU µs per request': show(spread(cpu), 1),
  'bare CPU ÷ its CPU': show(ratios(bare.cpu, cpu)),
  'server busy, %': show(spread(busy), 0),
}));
const share = host.startsWith('Express') ? 0.9 : 0.8;
const targets = [judge(`${host}: keystile ÷ bare, requests per second`, ratios(own.perSecond, bare.perSecond), '≥', share, '', ratios(bare.cpu, own.cpu))];
if (host.startsWith('Express')) targets.push(judge(`${host}: keystile ÷ passport stack, requests per second`, ratios(own.perSecond, passport.perSecond), '≥', 1.5, ' ×', ratios(passport.cpu, own.cpu)));
finish({ figures, targets });
