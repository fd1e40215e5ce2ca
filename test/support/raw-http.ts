import { connect } from 'node:net';

/** An answer as it stood on the wire. Names of headers are in lower case, repeated ones in a list. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: string;
}

/** Longer than any answer may take, shorter than the runner's patience: what is not answered by then hangs. */
const PATIENCE_MS = 4_000;

/**
 * Sends bytes to a port of this machine and reads until the server closes, for requests that no honest client sends.
 * Rejects when that takes too long. Bytes should ask for `Connection: close`.
 */
export async function exchange(port: number, bytes: string | Buffer): Promise<readonly RawAnswer[]> {
  const wire = await new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes));
    const timer = setTimeout(() => socket.destroy(new Error(`no end after ${PATIENCE_MS} ms`)), PATIENCE_MS);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      // A server that refuses oversized headers closes while they are still being sent.
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') resolve(Buffer.concat(chunks));
      else reject(error);
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks));
    });
  });
  return answersOf(wire.toString('latin1'));
}

/** Splits what was read into answers, by Content-Length; one without it reaches to the end, one of HEAD has no body. */
function answersOf(wire: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = wire;
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n');
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
    if (end < 0 || Number.isNaN(status)) throw new Error(`not an answer: ${rest.slice(0, 80)}`);
    const headers = fieldsOf(lines);
    const after = rest.slice(end + 4);
    const length = Number(headers.get('content-length')?.[0] ?? after.length);
    const bodiless = after.startsWith('HTTP/1.1 ') || status === 100;
    answers.push({ status, headers, body: bodiless ? '' : after.slice(0, length) });
    rest = bodiless ? after : after.slice(length);
  }
  return answers.filter(({ status }) => status !== 100);
}

function fieldsOf(lines: readonly string[]): Map<string, string[]> {
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()]);
  }
  return headers;
}

/** The text of a request, `Connection: close` included. `lines` are whole header lines. */
export function requestText(lines: readonly string[], { method = 'GET', target = '/items', version = '1.1' } = {}): string {
  return [`${method} ${target} HTTP/${version}`, 'Host: api.example.com', 'Connection: close', ...lines, '', ''].join('\r\n');
}
