import { it, expect } from '@jest/globals';
import express from 'express';
import { createKeyring } from 'keystile';
import { adminRouter } from 'keystile/admin';
import supertest from 'supertest';
import { Validator } from '@seriousme/openapi-schema-validator';
it('x', async () => {
  const keyring = createKeyring({ prefix: 'awx', scopes: { read: [], write: ['read'], 'keys:manage': [] } });
  const app = express();
  app.use('/admin', adminRouter(keyring, { authorize: () => ({ actor: 'ann', tenants: 'all', may: ['admin'] }) }));
  const agent = supertest(app);
  const doc = await agent.get('/admin/openapi.json');
  const result = await new Validator().validate(doc.body);
  console.log(JSON.stringify(doc.body, null, 1).slice(0, 3000), result);
  const made = await agent.post('/admin/keys').send({ name: 'x', expiresAt: '2030-01-01T00:00:00Z', limits: [{ kind: 'window', windowMs: 60000, limit: 3 }] });
  console.log(made.status, made.headers, made.body);
  const id = made.body.apiKey.id;
  for (const [m, p, b] of [['get', '/keys'], ['get', `/keys/${id}`], ['post', `/keys/${id}/explain`, { method: 'GET' }], ['post', `/keys/${id}/disable`, {}], ['post', `/keys/${id}/rotate`, {}], ['delete', `/keys/${id}`], ['delete', `/keys/${id}`], ['post', `/keys/${id}/undelete`, {}], ['post', '/tenants/t/slots/primary/regenerate', {}], ['post', '/keys', JSON.parse('{"name":1,"__proto__":{"a":1}}')], ['post', '/keys', {name: '', access: {endpoints: {deny: [1]}}, x: 1}], ['post', '/keys', {name: 'a', access: {ips: {allow: ['10/8']}}}], ['put', '/keys'], ['get', '/keys?sort=-name&limit=1'], ['get', '/me']] as [ 'get', string, object][]) {
    const r = agent[m](`/admin${p}`); const answer = await (b === undefined ? r : r.set('If-Match', '*').send(b));
    console.log(m, p, answer.status, JSON.stringify(answer.body), answer.headers.etag);
  }
  const me = await agent.get('/admin/me').set('x-api-key', made.body.key);
  console.log(me.status, me.body);
  expect(result.valid).toBe(true);
});
