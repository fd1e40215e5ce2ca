import type { Duplex } from 'node:stream';

/** How long a client may take to hear the last of it. */
const LINGER_MS = 1_000;

const ignore = (): void => undefined;

/** Bears with a client that goes away while nobody else listens: an `error` without a listener would end the process. */
export function bearErrors(socket: Duplex): () => void {
  socket.on('error', ignore);
  return () => {
    socket.off('error', ignore);
  };
}

/**
 * Ends a connection behind what has been written to it. Whatever still comes in is thrown away: nobody may act on it, and a socket
 * destroyed over unread bytes resets the connection, which can take the last words with it (RFC 9112 §9.6).
 */
export function dismiss(socket: Duplex): void {
  bearErrors(socket);
  socket.removeAllListeners('data');
  socket.removeAllListeners('readable');
  socket.resume();
  socket.end();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => {
    clearTimeout(timer);
  });
}
