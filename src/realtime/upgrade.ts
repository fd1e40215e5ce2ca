import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { isPromise } from '../core/awaitable.js';
import { ConfigurationError } from '../core/errors.js';
import { engineOf, type Engine, type Keyring } from '../core/keyring.js';
import type { Principal } from '../core/principal.js';
import { createDecide, faulted, type Decide, type Decision, type Passed } from '../http/decide.js';
import { socketHost } from '../http/host.js';
import { isDelegated } from '../http/judge-again.js';
import { resolveOptions } from '../http/options.js';
import { describe, type RefusalInfo } from '../http/refusals.js';
import { setPrincipal } from '../http/request-state.js';
import type { HostRequest } from '../http/types.js';
import { createWatch } from '../http/watch.js';
import { bearErrors, dismiss } from './farewell.js';
import { UPGRADES, type UpgradeOptions } from './options.js';
import { createRefuse } from './refuse.js';

/** A connection that has been let in. */
export interface Admission<Scope extends string = string> {
  /** Who is calling; `undefined` for an anonymous client, where keys are optional. Also at `req.apiKey`. */
  readonly principal: Principal<Scope> | undefined;
  /**
   * Has a last word said (a close frame) when the key ends while the connection is open. What it writes at once still goes out;
   * then the connection is closed, whatever it does. Without it the socket is destroyed.
   */
  onEnd(say: (refusal: RefusalInfo) => void): void;
}

/** Opens a connection that has been let in. Never called for any other. */
export type UpgradeHandler<Scope extends string = string> = (req: IncomingMessage, socket: Duplex, head: Buffer, admission: Admission<Scope>) => unknown;

/** A listener for `server.on('upgrade', …)`. */
export type UpgradeListener = (req: IncomingMessage, socket: Duplex, head: Buffer) => void;

/**
 * Guards `server.on('upgrade')`: calls `handler` only with a valid key of this keyring, within the key's restrictions and limits, and
 * answers everything else itself. The open connection holds its place under concurrency caps, and ends as soon as its key is
 * revoked, disabled, deleted, expired or rotated out, or would no longer be let in from where it is.
 *
 * Throws a `ConfigurationError` for a wrong option. Never throws on a request; what `handler` throws closes the connection and
 * is an unhandled rejection, as of any asynchronous listener.
 *
 * @example
 * ```ts
 * const wss = new WebSocketServer({ noServer: true });
 * server.on('upgrade', authenticateUpgrade(keyring, {}, (req, socket, head, { onEnd }) => {
 *   wss.handleUpgrade(req, socket, head, (ws) => {
 *     onEnd(({ code }) => ws.close(1008, code));
 *     wss.emit('connection', ws, req);
 *   });
 * }));
 * ```
 */
export function authenticateUpgrade<Scope extends string, Plan extends string>(
  keyring: Keyring<Scope, Plan>,
  options: UpgradeOptions<NoInfer<Scope>>,
  handler: UpgradeHandler<Scope>,
): UpgradeListener {
  const engine = engineOf(keyring);
  if (engine === undefined) throw new ConfigurationError('invalid_option', 'keyring', 'must be made by createKeyring()');
  if (typeof handler !== 'function') throw new ConfigurationError('invalid_option', 'handler', 'must be a function');
  const resolved = resolveOptions(options, engine, UPGRADES);
  const decide = createDecide(engine, resolved, socketHost, isDelegated);
  const refuse = createRefuse(engine, resolved);
  const watch = createWatch(engine, resolved, socketHost);
  const carriers = resolved.sources.filter(({ kind }) => kind === 'subprotocol');

  const admit = ({ principal, release }: Passed, req: HostRequest, socket: Duplex): Admission => {
    let lastWord: ((refusal: RefusalInfo) => void) | undefined;
    socket.once('close', release);
    setPrincipal(req, engine, principal);
    // A server chooses among the protocols that it is offered and tells its choice: the key must not be one of them.
    for (const source of carriers) source.strip(req);
    if (principal !== undefined) {
      const stop = watch(req, principal, (refusal) => {
        if (lastWord === undefined) socket.destroy();
        else {
          attempt(engine, lastWord, describe(refusal, resolved.messages));
          dismiss(socket);
        }
      });
      socket.once('close', stop);
    }
    return { principal, onEnd: (say) => { lastWord = say; } };
  };

  const guard = async (req: HostRequest, socket: Duplex, head: Buffer): Promise<void> => {
    const bearNoMore = bearErrors(socket);
    const { verification, source } = await settled(engine, decide, req);
    if (isDestroyed(socket)) {
      if (verification.ok) verification.release();
      return;
    }
    if (!verification.ok) {
      refuse(verification, source, req, socket);
      return;
    }
    const admission = admit(verification, req, socket);
    if (isDestroyed(socket)) return;
    bearNoMore();
    try {
      await handler(req, socket, head, admission as Admission<Scope>);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  };
  return (req, socket, head) => void guard(req, socket, head);
}

// A function, for the compiler takes a property to stay what it was.
const isDestroyed = (socket: Duplex): boolean => socket.destroyed;

/** The decision, a fault included. */
async function settled(engine: Engine, decide: Decide, req: HostRequest): Promise<Decision> {
  try {
    return await decide(req);
  } catch (error) {
    return faulted(engine, error);
  }
}

/** A host's last word may fail; the connection ends all the same. */
function attempt(engine: Engine, say: (refusal: RefusalInfo) => unknown, refusal: RefusalInfo): void {
  try {
    const said = say(refusal);
    if (isPromise(said)) said.then(undefined, engine.report);
  } catch (error) {
    engine.report(error);
  }
}
