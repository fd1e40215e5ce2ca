import { describe, expect, it } from '@jest/globals';
import { hosts } from '../support/hosts.js';
import { requestText } from '../support/raw-http.js';
import { useAdmin } from './support.js';

const start = useAdmin();

/** Header lines of a change, and whether it may be made. The request goes to `api.example.com`. */
const TABLE: readonly (readonly [ok: boolean, ...lines: string[]])[] = [
  [true],
  [true, 'Sec-Fetch-Site: same-origin'],
  [true, 'Sec-Fetch-Site: same-origin', 'Sec-Fetch-Mode: cors', 'Origin: https://api.example.com'],
  [false, 'Sec-Fetch-Site: cross-site'],
  [false, 'Sec-Fetch-Site: same-site'],
  [false, 'Sec-Fetch-Site: none'],
  [false, 'Sec-Fetch-Site: '],
  [false, 'Sec-Fetch-Site: same-origin, cross-site'],
  [false, 'Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: cross-site'],
  [false, 'Sec-Fetch-Site: same-origin', 'Origin: https://admin.example.com', 'Origin: https://admin.example.com'],
  [true, 'Sec-Fetch-Mode: cors'],
  [false, 'Sec-Fetch-Site: cross-site', 'Origin: https://api.example.com'],
  [true, 'Origin: https://api.example.com'],
  [true, 'Origin: http://api.example.com'],
  [false, 'Origin: https://evil.example'],
  [false, 'Origin: https://api.example.com.evil.example'],
  [false, 'Origin: https://evil.example/api.example.com'],
  [false, 'Origin: https://api.example.com@evil.example'],
  [false, 'Origin: https://user@api.example.com'],
  [false, 'Origin: https://api.example.com:8443'],
  [false, 'Origin: https://sub.api.example.com'],
  [false, 'Origin: null'],
  [false, 'Origin: '],
  [false, 'Origin: file://'],
  [false, 'Origin: chrome-extension://api.example.com'],
  [false, 'Origin: https://api.example.com', 'Origin: https://evil.example'],
  [false, 'Origin: https://api.example.com, https://evil.example'],
  [true, 'Origin: https://admin.example.com', 'Sec-Fetch-Site: same-site'],
  [false, 'Origin: https://admin.example.com.evil.example', 'Sec-Fetch-Site: cross-site'],
];

describe.each(hosts)('changes on $name', (host) => {
  it('are made for programs and for pages of this origin alone', async () => {
    const app = await start(host, { options: { trustedOrigins: ['https://admin.example.com'] } });
    const { apiKey } = await app.keyring.create({ name: 'x' });
    for (const [ok, ...lines] of TABLE) {
      const common = ['x-user: root', ...lines];
      const json = [...common, 'Content-Type: application/json', 'Content-Length: 2'];
      const [posted] = await app.raw(`${requestText(json, { method: 'POST', target: `/admin/keys/${apiKey.id}/enable` })}{}`);
      const [deleted] = await app.raw(requestText(common, { method: 'DELETE', target: '/admin/keys/none' }));
      const [read] = await app.raw(requestText(common, { target: '/admin/keys' }));
      expect([lines, posted?.status, deleted?.status, read?.status]).toEqual([lines, ok ? 200 : 403, ok ? 404 : 403, 200]);
      if (!ok) expect(JSON.parse(posted?.body ?? '')).toMatchObject({ code: 'cross_site_request', status: 403 });
    }
  });

  it('are made for programs that use fetch', async () => {
    const app = await start(host);
    const answer = await fetch(`http://127.0.0.1:${app.port}/admin/keys`, { method: 'POST', headers: { 'x-user': 'root', 'Content-Type': 'application/json' }, body: '{"name":"x"}' });
    expect(answer.status).toBe(201);
  });

  it('need a JSON body, which a form of another site cannot send', async () => {
    const app = await start(host);
    const { apiKey } = await app.keyring.create({ name: 'x' });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      await app.as('root', 'post', `/keys/${apiKey.id}/revoke`).set('Content-Type', type).send('{}').expect(415);
    }
    await app.as('root', 'post', `/keys/${apiKey.id}/revoke`).expect(415);
    expect((await app.keyring.get(apiKey.id))?.status).toBe('active');
  });
});
