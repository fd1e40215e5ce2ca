import express, { type Express } from 'express';
import { apiKeyAuth, principalOf, type Keyring } from 'keystile';

/** The scopes and plans of this application, wherever its keyring comes from. */
export const SCOPES = { read: [], write: ['read'] } as const;

/** An application that is handed its keyring: the real one in production, one in memory in its tests. */
export function createApp(keyring: Keyring<'read' | 'write', 'starter'>): Express {
  const app = express();
  const auth = apiKeyAuth(keyring);
  app.use('/v1', auth);
  app.get('/v1/orders', auth.requireScopes('read'), (req, res) => {
    res.json({ tenant: principalOf(req).tenantId, orders: [{ id: 1, item: 'pallet' }] });
  });
  app.post('/v1/orders', auth.requireScopes('write'), (_req, res) => {
    res.status(201).json({ created: true });
  });
  return app;
}
