const { once } = require('node:events');
const { createServer } = require('node:http');

/** Serves a handler, asks it with the key and without, and prints the two statuses. */
exports.ask = async (handler, key) => {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}/v1/orders`;
  const allowed = await fetch(url, { headers: { 'x-api-key': key } });
  const refused = await fetch(url);
  console.log(JSON.stringify([allowed.status, await allowed.text(), refused.status]));
  server.close();
  server.closeAllConnections();
};
