import express from 'express';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { createKeyring } from 'keystile';
import { dashboard } from 'keystile/admin';

const keyring = createKeyring({ prefix: 'awx' });
const app = express().use('/admin/keys', dashboard(keyring, { authorize: () => undefined }));
const server = createServer(app).listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${server.address().port}/admin/keys/`;
const page = await (await fetch(url)).text();
const [, script] = /src="\.(\/assets\/[^"]+)"/.exec(page);
const asset = await fetch(new URL(`.${script}`, url));
console.log(JSON.stringify([asset.status, (await asset.text()).length > 10_000, (await fetch(`${url}api/settings`)).status]));
server.close();
server.closeAllConnections();
await keyring.close();
