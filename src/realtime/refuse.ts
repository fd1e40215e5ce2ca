import { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Engine } from '../core/keyring.js';
import type { Refused } from '../core/verification.js';
import type { CredentialSource } from '../http/credentials.js';
import type { ResolvedOptions } from '../http/options.js';
import { createResponder } from '../http/responder.js';
import type { HostRequest } from '../http/types.js';
import { dismiss } from './farewell.js';

/** Answers a refused upgrade as a refused request is answered, and ends the connection. Never throws. */
export type Refuse = (refusal: Refused, source: CredentialSource | undefined, req: HostRequest, socket: Duplex) => void;

export function createRefuse(engine: Engine, options: ResolvedOptions): Refuse {
  const responder = createResponder(options, engine);
  return (refusal, source, req, socket) => {
    // Node makes the response, so that it is one: status line, Date, no body for HEAD, no line breaks in values.
    const res = new ServerResponse(req);
    res.shouldKeepAlive = false;
    try {
      res.assignSocket(req.socket);
    } catch {
      // An earlier request on this connection still waits for its answer: ours would be taken for it.
      socket.destroy();
      return;
    }
    try {
      responder.refuse(refusal, source, req, res, () => undefined);
      dismiss(socket);
    } catch (error) {
      engine.report(error);
      socket.destroy();
    }
  };
}
