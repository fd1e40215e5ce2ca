import type { HostRequest } from 'keystile';
import type { Step, TestHost } from '../support/hosts.js';
import type { Ring } from './support.js';

/** How a key is used: as it arrives, from where a proxy in front says. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly ip: string;
}

/** The host's own routes, behind `apiKeyAuth`. */
export function apiSteps(keyring: Ring, { apiKeyAuth }: Pick<TestHost, 'apiKeyAuth'>): Step[] {
  const clientIp = ({ headers }: HostRequest): string => String(headers['x-forwarded-for']);
  return [
    ['/v1/orders', apiKeyAuth(keyring, { clientIp, scopes: ['orders:read'] })],
    ['/v1/reports', apiKeyAuth(keyring, { clientIp, scopes: ['reports:read'] })],
    ['/v1', apiKeyAuth(keyring, { clientIp })],
    ['/v1', (_req, res) => { res.writeHead(200, { 'Content-Type': 'application/json' }).end('{"code":"ok"}'); }],
  ];
}

export async function callAt(origin: string, key: string, { method = 'GET', path = '/orders/1', ip = '203.0.113.20' }: Partial<Request> = {}): Promise<{ readonly status: number; readonly code: string }> {
  const answer = await fetch(`${origin}/v1${path}`, { method, headers: { 'X-API-Key': key, 'X-Forwarded-For': ip } });
  return { status: answer.status, code: ((await answer.json()) as { code: string }).code };
}
