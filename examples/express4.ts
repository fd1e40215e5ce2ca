/**
 * Express 4, with refusals handed to the application's own error handler, which answers `{ code, type, message }` to
 * everything. In Express 5 it is the same.
 */
import { createRequire } from 'node:module';
import type express5 from 'express';
import type { ErrorRequestHandler } from 'express';
import { apiKeyAuth, createKeyring, isKeystileError, perMinute, principalOf } from 'keystile';

// Express 4 has another name in this repository. In yours: import express from 'express';
const express = createRequire(import.meta.url)('express4') as typeof express5;

const keyring = createKeyring({
  prefix: 'awx',
  scopes: { read: [], write: ['read'] },
  plans: { starter: [perMinute(10)] },
});
const { key } = await keyring.create({ name: 'express-4', scopes: ['read'], plan: 'starter' });

const app = express();
// One proxy of our own stands in front: what it says about the client's address and TLS is believed. Say what is true for you.
app.set('trust proxy', 1);

const auth = apiKeyAuth(keyring, { refusals: { deliver: 'next' } });
const orders = express.Router();
orders.get('/', auth.requireScopes('read'), (req, res) => {
  res.json({ caller: principalOf(req).name, orders: [{ id: 1, item: 'pallet' }] });
});
orders.post('/', auth.requireScopes('write'), (_req, res) => {
  res.status(201).json({ created: true });
});
app.use('/v1/orders', auth, orders);

const answerErrors: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  if (!isKeystileError(error) || !('status' in error)) {
    next(error);
    return;
  }
  // The headers are part of the refusal: WWW-Authenticate, Retry-After, RateLimit, Cache-Control.
  const type = error.status === 429 ? 'rate_limit_error' : 'authentication_error';
  res.status(error.status).set(error.headers).json({ code: error.code, type, message: error.message });
};
app.use(answerErrors);

const port = Number(process.env['PORT'] ?? 3000);
app.listen(port, () => {
  console.log(`Express 4 listens on http://localhost:${String(port)}/v1/orders\nAPI key: ${key}`);
});
