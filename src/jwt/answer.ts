import type { ServerResponse } from 'node:http';

export type Fields = Readonly<Record<string, string>>;

/** Sends JSON, unless somebody has answered already or nobody waits for it. */
export function answerJson(res: ServerResponse, status: number, body: unknown, fields: Fields): void {
  send(res, status, JSON.stringify(body), { 'Content-Type': 'application/json', ...fields });
}

export function send(res: ServerResponse, status: number, text: string, fields: Fields): void {
  if (res.headersSent || res.destroyed) return;
  res.statusCode = status;
  for (const [name, value] of Object.entries(fields)) res.setHeader(name, value);
  if (status !== 304) res.setHeader('Content-Length', Buffer.byteLength(text));
  res.end(status === 304 ? undefined : text);
}
