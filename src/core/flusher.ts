/** Hands on what is waiting: in time, one lot after the other. */
export interface Flusher {
  /** Something waits: it goes within the interval. Never keeps the process alive. */
  later(): void;
  /** Hands it on now, or as soon as what is on its way has arrived. Never rejects. */
  flush(): Promise<void>;
  /** Hands it on, and stops. */
  close(): Promise<void>;
}

/** `write` must not reject; what it could not hand on it keeps, and calls `later`. */
export function createFlusher(write: () => Promise<void>, everyMs: number): Flusher {
  let timer: NodeJS.Timeout | undefined;
  let flushing = Promise.resolve();
  /** Asked for and not begun: all that is added before it begins goes with it, however often it is asked for. */
  let next: Promise<void> | undefined;
  let closed = false;
  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    next ??= flushing = flushing.then(() => {
      next = undefined;
      return write();
    });
    return next;
  };
  return {
    later() {
      if (!closed) timer ??= setTimeout(() => void flush(), everyMs).unref();
    },
    flush,
    close() {
      closed = true;
      return flush();
    },
  };
}
