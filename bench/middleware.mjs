/**
 * The whole middleware without sockets: what a stack adds to a request on objects made by hand.
 * `node bench/middleware.mjs <host>`.
 */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';
import { compare, differences, finish, freshTexts, judge, ratios, show, spread } from './measure.mjs';
import { createStack, PATH, STACKS } from './stacks.mjs';

const host = process.argv[2] ?? 'node:http';
const KEYS = 1_000;

/** A kept-alive connection that leads nowhere. */
function connection() {
  const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  return Object.assign(socket, { remoteAddress: '203.0.113.7', encrypted: false });
}

/** A request as the parser hands it over: header texts of its own, nothing parsed yet. */
function requestWith(key, socket) {
  const req = new IncomingMessage(socket);
  req.method = 'GET';
  req.url = PATH;
  req.httpVersionMajor = 1;
  req.httpVersionMinor = 1;
  req.httpVersion = '1.1';
  const lines = ['Host', 'api.example.com', 'User-Agent', 'bench/1.0', 'Accept', '*/*', 'Accept-Encoding', 'gzip', 'Connection', 'keep-alive', 'X-API-Key', key];
  req._addHeaderLines(lines, lines.length);
  return req;
}

/**
 * Without a socket the answer stays in memory; `close` is sent as a server does, so that leases end. On the prototype,
 * since Express gives each response a new one that leads there.
 */
const { end } = ServerResponse.prototype;
ServerResponse.prototype.end = function endAndClose(...args) {
  end.apply(this, args);
  this.emit('close');
  this.answered();
  return this;
};

async function contestant(name) {
  const { keys, listener } = await createStack(host, name, KEYS);
  const texts = freshTexts(keys);
  return {
    name,
    batch: 200,
    prepare(size) {
      const socket = connection();
      return texts(size).map((key) => {
        const req = requestWith(key, socket);
        const res = new ServerResponse(req);
        // Named, not assigned: the answer is written in full and then kept.
        res.socket = socket;
        res.answered = undefined;
        return { req, res };
      });
    },
    async run(pairs) {
      for (const { req, res } of pairs) {
        await new Promise((resolve) => {
          res.answered = resolve;
          listener(req, res);
        });
        if (res.statusCode !== 200) throw new Error(`${name} on ${host} answered ${res.statusCode}`);
      }
    },
  };
}

const contestants = [];
for (const name of STACKS) contestants.push(await contestant(name));
const results = await compare(contestants);

const bare = results.get('bare');
const added = new Map([...results].map(([name, { wall, cpu }]) => [name, { wall: differences(wall, bare.wall), cpu: differences(cpu, bare.cpu) }]));
const inMicroseconds = (figures) => show(spread(figures.map((ns) => ns / 1_000)), 1);
const figures = [...results].map(([stack, { wall, cpu }]) => ({
  objects: host,
  stack,
  'µs per request': inMicroseconds(wall),
  'CPU µs': inMicroseconds(cpu),
  'added µs': stack === 'bare' ? '' : inMicroseconds(added.get(stack).wall),
  'added CPU µs': stack === 'bare' ? '' : inMicroseconds(added.get(stack).cpu),
}));
const against = (stack, bound, name) => {
  const [own, other] = [added.get('keystile'), added.get(stack)];
  return judge(`${host}: added by keystile ÷ by ${name}`, ratios(own.wall, other.wall), '≤', bound, '', ratios(own.cpu, other.cpu));
};
const targets = [
  against('express-rate-limit', 1, 'express-rate-limit alone'),
  against('passport + 2 × express-rate-limit', 0.333, 'the passport stack'),
];
finish({ figures, targets });
