import type { TLSSocket } from 'node:tls';
import type { Host } from './types.js';

/** The bare socket's word, for hosts that know nothing of proxies: Connect and node:http. */
export const socketHost: Host = {
  clientIp: (req) => req.socket.remoteAddress,
  secure: (req) => (req.socket as Partial<TLSSocket>).encrypted === true,
};

/** Express answers for its proxies (`trust proxy`): `req.ip` and `req.secure`. Where they are missing, the socket does. */
export const expressHost: Host = {
  clientIp: (req) => ('ip' in req ? req.ip : socketHost.clientIp(req)),
  secure: (req) => req.secure ?? socketHost.secure(req),
};
