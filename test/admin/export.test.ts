import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Activity, ActivityLog } from '../../src/core/observing.js';
import { sendPieces } from '../../src/admin/answer.js';
import { exportOf } from '../../src/admin/exports.js';
import { memoryActivity } from '../../src/memory/activity.js';
import { EXPRESS_5 } from '../support/hosts.js';
import { useAdmin, type AdminApp } from './support.js';

const start = useAdmin();
const entry = (at: number, more: Partial<Activity> = {}): Activity => ({ at, action: 'request', result: 'ok', keyId: 'k', tenantId: 'acme', ...more });

describe('the export', () => {
  const HOSTILE = ['=1+1', '+1', '-1', '@SUM(A1)', '\tx', '\r\nx', '  =1', '\uff1d1', '/a;=1+1', '/a;"=1', 'a,b', 'say "hi"', 'a;b', "'", 'plain'];
  const CELLS = ['"\'=1+1"', '"\'+1"', '"\'-1"', '"\'@SUM(A1)"', '"\'\tx"', '"\'\r\nx"', '"\'  =1"', '"\'\uff1d1"', '"/a;\'=1+1"', '"/a;""\'=1"', '"a,b"', '"say ""hi"""', '"a;b"', "'", 'plain'];

  it('is all that fits, in pages, as NDJSON and as CSV that no spreadsheet runs', async () => {
    const log = memoryActivity();
    await log.append(Array.from({ length: 1_234 }, (_, index) => entry(1_000 + index, { keyId: `k${index}` })));
    await log.append(HOSTILE.map((path, at) => entry(at, { path })));
    const app = await start(EXPRESS_5, { keyring: { activity: log } });
    const ndjson = await app.as('ann', 'get', '/activity/export?format=ndjson').buffer(true).parse((res, done) => { let text = ''; res.setEncoding('utf8'); res.on('data', (part: string) => (text += part)); res.on('end', () => done(null, text)); });
    const lines = String(ndjson.body).trimEnd().split('\n').map((line) => JSON.parse(line));
    expect(lines).toHaveLength(1_234 + HOSTILE.length);
    expect(lines.at(-1)).toEqual({ at: '1970-01-01T00:00:00.000Z', action: 'request', result: 'ok', keyId: 'k', tenantId: 'acme', path: '=1+1' });
    expect(ndjson.headers['content-disposition']).toBe('attachment; filename="activity.ndjson"');
    expect(ndjson.headers['cache-control']).toBe('no-store');

    const csv = await app.as('ann', 'get', '/activity/export?format=csv&keyId=k').expect(200);
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8; header=present');
    const at = (index: number): string => new Date(index).toISOString();
    expect(csv.text).toBe(`at,action,result,keyId,tenantId,by,ip,method,path\r\n${CELLS.map((cell, index) => `${at(index)},request,ok,k,acme,,,,${cell}\r\n`).reverse().join('')}`);
    await app.as('ann', 'get', '/activity/export?format=csv&keyId=nobody').expect(200, 'at,action,result,keyId,tenantId,by,ip,method,path\r\n');
    // Asked for its head, it reads one page and sends none.
    expect((await app.as('ann', 'head', '/activity/export?format=csv').expect(200)).text).toBeUndefined();
  });

  it('begins no formula in any cell, whatever stands in a text and however a spreadsheet separates cells', async () => {
    const parts = fc.constantFrom('=', '+', '-', '@', '\uff1d', '\uff0b', ';', ',', '"', '\t', '\r', '\n', ' ', '\u00a0', "'", 'a', '<img src=x onerror=alert(1)>', '\u202e', '\ud800');
    await fc.assert(fc.asyncProperty(fc.array(parts, { maxLength: 12 }), async (texts) => {
      const text = texts.join('');
      const { pieces } = exportOf('csv', async () => ({ items: [entry(0, { path: text, by: text })] }));
      let csv = '';
      for await (const piece of pieces!) csv += piece;
      for (const separator of [',', ';', '\t']) for (const cell of cellsOf(csv, separator)) expect(cell).not.toMatch(/^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/);
      const [read = ''] = cellsOf(csv, ',').slice(-1);
      expect(read.replaceAll("'", '')).toBe(text.replaceAll("'", ''));
    }), { numRuns: 500 });
  });
});

/** The cells of a CSV, as spreadsheets find them: quotes count at the start of a cell alone. */
function cellsOf(csv: string, separator: string): string[] {
  const cells: string[] = [];
  for (let at = 0; at < csv.length; at++) {
    let cell = '';
    if (csv[at] === '"') {
      for (at++; at < csv.length && !(csv[at] === '"' && csv[at + 1] !== '"'); at++) {
        if (csv[at] === '"') at++;
        cell += csv.charAt(at);
      }
      at++;
    }
    for (; at < csv.length && csv[at] !== separator && csv[at] !== '\r' && csv[at] !== '\n'; at++) cell += csv.charAt(at);
    if (csv[at] === '\r' && csv[at + 1] === '\n') at++;
    cells.push(cell);
  }
  return cells;
}

const PAGES = 200;
const PER_PAGE = 500;

/** A log of 100,000 entries, made as they are asked for: about 60 MB as NDJSON. */
function endless(onPage: (page: number) => void | Promise<void> = () => undefined): ActivityLog & { readonly pages: () => number } {
  let pages = 0;
  const path = `/${'x'.repeat(500)}`;
  return {
    pages: () => pages,
    append: () => undefined,
    async list({ cursor = '0' }) {
      pages++;
      const page = Number(cursor);
      await onPage(page);
      const entries = Array.from({ length: PER_PAGE }, (_, index) => entry(1_000_000 - page * PER_PAGE - index, { path }));
      return { entries, ...(page + 1 < PAGES && { nextCursor: String(page + 1) }) };
    },
  };
}

/** Starts an export over a connection of its own, which takes nothing until it is told to. */
async function begun(log: ActivityLog): Promise<{ app: AdminApp; socket: Socket; res: ServerResponse }> {
  let seen: (res: ServerResponse) => void;
  const asked = new Promise<ServerResponse>((resolve) => (seen = resolve));
  const app = await start(EXPRESS_5, { keyring: { activity: log }, before: [(_req, res, next) => { seen(res); next(); }] });
  const socket = connect(app.port, '127.0.0.1').pause();
  socket.on('error', () => undefined);
  socket.write('GET /admin/activity/export?format=ndjson HTTP/1.1\r\nHost: x\r\nx-user: ann\r\nConnection: close\r\n\r\n');
  return { app, socket, res: await asked };
}

/** Waits until an export stands still: it wants to be read, and reads no further itself. */
async function stalled(res: ServerResponse, pages: () => number): Promise<void> {
  for (let quiet = 0, before = -1; quiet < 200 && !res.writableEnded; before = pages()) {
    await nextTurn();
    quiet = res.writableNeedDrain && pages() === before ? quiet + 1 : 0;
  }
}

describe('a long export', () => {
  it('is read no faster than its reader reads, and all of it', async () => {
    const log = endless();
    const { socket, res } = await begun(log);
    await stalled(res, log.pages);
    // What this process holds, and what the machine's own buffers hold.
    expect(res.writableLength).toBeLessThan(1_500_000);
    expect(log.pages()).toBeLessThan(PAGES / 2);
    let lines = 0;
    let last = Infinity;
    let isInOrder = true;
    const reader = createInterface(socket);
    reader.on('line', (line) => {
      if (!line.startsWith('{')) return;
      const at = Date.parse((JSON.parse(line) as { at: string }).at);
      isInOrder &&= at < last;
      last = at;
      lines++;
    });
    await once(reader, 'close');
    expect([lines, log.pages(), isInOrder]).toEqual([PAGES * PER_PAGE, PAGES, true]);
  }, 60_000);

  it('is read no further when its reader has left, in the middle of a page too', async () => {
    const log = endless();
    const { socket, res, app } = await begun(log);
    await stalled(res, log.pages);
    const pages = log.pages();
    socket.destroy();
    await once(res, 'close');
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    expect(log.pages()).toBe(pages);

    let goOn = (): void => undefined;
    let asked = (): void => undefined;
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    const slow = endless((page) => (page < 1 ? undefined : new Promise((resolve) => { goOn = resolve; asked(); })));
    const next = await begun(slow);
    next.socket.resume();
    await isAsked;
    next.socket.destroy();
    await once(next.res, 'close');
    goOn();
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    expect(slow.pages()).toBe(2);
    expect([...app.faults, ...next.app.faults]).toEqual([]);
  }, 60_000);

  it('tells whoever makes its pieces that no more are wanted', async () => {
    for (const how of ['leaves', 'asks for the head', 'was gone before'] as const) {
      let ended = (): void => undefined;
      const freed = new Promise<void>((resolve) => (ended = resolve));
      const pieces = async function* (): AsyncGenerator<string> {
        try {
          if (how === 'was gone before') await gone;
          for (;;) yield 'x'.repeat(100_000);
        } finally {
          ended();
        }
      };
      let isGone = (): void => undefined;
      const gone = new Promise<void>((resolve) => (isGone = resolve));
      const server = createServer((req, res) => {
        res.on('close', isGone);
        void sendPieces({ status: 200, pieces: pieces() }, req, res, (error) => { throw error; });
        if (how !== 'asks for the head') socket.destroy();
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      socket.write(`${how === 'asks for the head' ? 'HEAD' : 'GET'} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      await freed;
      socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('is cut off when the log fails midway, and a clear answer when it fails at once', async () => {
    const log = endless((page) => { if (page === 2) throw new Error('disk full'); });
    const { app, socket } = await begun(log);
    let text = '';
    socket.on('data', (part: Buffer) => (text += part.toString()));
    await once(socket.resume(), 'close');
    expect(text).toContain('HTTP/1.1 200');
    // The end of a chunked answer, without which no client takes it for whole.
    expect(text.endsWith('0\r\n\r\n')).toBe(false);
    expect(app.faults).toHaveLength(1);
    const other = await start(EXPRESS_5, { keyring: { activity: endless(() => { throw new Error('disk full'); }) } });
    const { status, body } = await other.as('ann', 'get', '/activity/export?format=csv');
    expect([status, body.code]).toEqual([503, 'store_unavailable']);
  });
});
