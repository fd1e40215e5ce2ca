/**
 * What stands between a server and its handler, on every host: nothing; express-rate-limit alone; passport-headerapikey
 * with two express-rate-limits; keystile with rules, two windows, concurrency and headers. All answer the same.
 */
import { hash } from 'node:crypto';
import connect from 'connect';
import express5 from 'express';
import express4 from 'express4';
import { rateLimit } from 'express-rate-limit';
import passport from 'passport';
import passportHeaderApiKey from 'passport-headerapikey';
import { ACCESS, keystileKeys } from './contestants.mjs';
import { apiKeyAuth as connectAuth } from '../dist/esm/connect/index.js';
import { apiKeyAuth as expressAuth, concurrent, keyFormat, perDay, perMinute } from '../dist/esm/index.js';

export const STACKS = ['bare', 'express-rate-limit', 'passport + 2 × express-rate-limit', 'keystile'];

export const PATH = '/v1/orders/42';

const MINUTE = 60_000;
const DAY = 86_400_000;
/** A plan that a thousand keys under full load never reach: what is measured is the way of a request that is served. */
const PER_MINUTE = 6_000;
const PER_DAY = 1_000_000;
const isExpress = (host) => host.startsWith('Express');

/** What every handler sends; on Express with `res.json`, as its users do. */
const BODY = { id: 42, item: 'pallet' };

function plainHandler(_req, res) {
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.end(JSON.stringify(BODY));
}

/** draft-8 headers need Express's `res.append`. */
const limits = (host, identifier, windowMs, limit, keyGenerator) =>
  rateLimit({ windowMs, limit, identifier, standardHeaders: isExpress(host) ? 'draft-8' : 'draft-7', legacyHeaders: false, ...(keyGenerator && { keyGenerator }) });

/** By address, as it comes; where there is no `req.ip`, by the socket's. Never reached: everybody here has one address. */
function rateLimitAlone(host) {
  return [limits(host, 'minute', MINUTE, 1_000_000_000, isExpress(host) ? undefined : (req) => req.socket.remoteAddress)];
}

function passportStack(host, keys) {
  const records = new Map(keys.map((key, index) => [hash('sha256', key, 'hex'), { id: `user-${index}`, expiresAt: 8.64e15 }]));
  const strategy = new passportHeaderApiKey.HeaderAPIKeyStrategy({ header: 'X-API-Key', prefix: '' }, false, (key, done) => {
    const record = records.get(hash('sha256', key, 'hex'));
    done(null, record !== undefined && Date.now() < record.expiresAt ? record : false);
  });
  const instance = new passport.Passport();
  instance.use(strategy);
  const byUser = (req) => req.user.id;
  return [instance.authenticate('headerapikey', { session: false }), limits(host, 'minute', MINUTE, PER_MINUTE, byUser), limits(host, 'day', DAY, PER_DAY, byUser)];
}

async function keystileStack(host, count) {
  const plans = { starter: [perMinute(PER_MINUTE), perDay(PER_DAY), concurrent(5)] };
  const { keyring, keys, warm } = await keystileKeys(count, { plan: 'starter', access: ACCESS }, { plans });
  await warm();
  return { keys, middlewares: [(isExpress(host) ? expressAuth : connectAuth)(keyring, { scopes: ['read'] })] };
}

/** A listener `(req, res)` and keys that it accepts: all stacks are sent keys, also those that read none. */
export async function createStack(host, stack, count) {
  if (stack === 'keystile') {
    const { keys, middlewares } = await keystileStack(host, count);
    return { keys, listener: mount(host, middlewares) };
  }
  const format = keyFormat(undefined, { prefix: 'awx' });
  const keys = Array.from({ length: count }, () => format.generate({ environment: 'live' }).key);
  const middlewares = { bare: () => [], 'express-rate-limit': rateLimitAlone, 'passport + 2 × express-rate-limit': passportStack }[stack](host, keys);
  return { keys, listener: mount(host, middlewares) };
}

function mount(host, middlewares) {
  if (host === 'node:http') return chained(middlewares);
  const app = { 'Express 5': express5, 'Express 4': express4, Connect: connect }[host]();
  for (const middleware of middlewares) app.use('/v1', middleware);
  if (host === 'Connect') app.use('/v1/orders', plainHandler);
  else app.get('/v1/orders/:id', (_req, res) => void res.json(BODY));
  return app;
}

/** By hand, one after the other; an error goes out as a 500. */
function chained(middlewares) {
  return (req, res) => {
    const from = (index) => (error) => {
      if (error) {
        res.statusCode = error.status ?? 500;
        res.end();
      } else if (index < middlewares.length) middlewares[index](req, res, from(index + 1));
      else plainHandler(req, res);
    };
    from(0)();
  };
}
