/** Passes bytes on to a port of this machine, half the delay later in either direction: `node bench/delay-proxy.mjs <port> <ms>`. */
import { connect, createServer } from 'node:net';

const [port, delayMs] = process.argv.slice(2).map(Number);
const waiting = [];
let isTurning = false;

/** A timer of Node's is up to a millisecond late, so what waits is looked at without pause while there is any. */
function turn() {
  const now = performance.now();
  while (waiting.length > 0 && waiting[0].due <= now) {
    const { to, bytes } = waiting.shift();
    to.write(bytes);
  }
  isTurning = waiting.length > 0;
  if (isTurning) setImmediate(turn);
}

function pass(from, to) {
  from.setNoDelay(true);
  from.on('data', (bytes) => {
    if (delayMs === 0) {
      to.write(bytes);
      return;
    }
    waiting.push({ to, bytes, due: performance.now() + delayMs / 2 });
    if (!isTurning) turn();
  });
  from.on('close', () => to.destroy());
  from.on('error', () => to.destroy());
}

const server = createServer((near) => {
  const far = connect(port, '127.0.0.1');
  pass(near, far);
  pass(far, near);
}).listen(0, '127.0.0.1', () => process.send(server.address().port));
process.on('disconnect', () => process.exit(0));
