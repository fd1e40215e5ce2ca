import type { IncomingMessage, ServerResponse } from 'node:http';

/** Whether nobody waits for the answer any more. Whatever closes a response marks it destroyed first. */
export function isGone(req: IncomingMessage, res: ServerResponse): boolean {
  return res.destroyed || (isQueued(res) && req.socket.destroyed);
}

/**
 * Calls `release` when a response is over: `close` comes for every one, finished or aborted; `finish` only for finished
 * ones. `release` must bear being called twice.
 */
export function releaseAtEnd(req: IncomingMessage, res: ServerResponse, release: () => void): void {
  res.on('close', release);
  if (!isQueued(res)) return;
  // Node tells a queued response nothing when its client leaves, so the connection itself is watched.
  const { socket } = req;
  socket.setMaxListeners(socket.getMaxListeners() + 1);
  socket.on('close', release);
  res.on('close', () => {
    socket.off('close', release);
    socket.setMaxListeners(socket.getMaxListeners() - 1);
  });
}

/** A pipelined request's response waits behind others, without a connection. */
export function isQueued(res: ServerResponse): boolean {
  return res.socket === null;
}
