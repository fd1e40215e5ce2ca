/** What the five programs share: a start on a port of one's choice, and answers to what keystile finds wrong in a body. */
import { fileURLToPath } from 'node:url';
import type { ErrorRequestHandler } from 'express';
import { isKeystileError } from 'keystile';

interface Start {
  readonly app: { listen(port: number, listening: () => void): unknown };
  readonly hello: string;
}

/** Listens when the file has been started, and not when a test imports it. */
export function listenWhenMain(moduleUrl: string, make: () => Start | Promise<Start>): void {
  if (process.argv[1] !== fileURLToPath(moduleUrl)) return;
  void Promise.resolve(make()).then(({ app, hello }) => {
    const port = Number(process.env['PORT'] ?? 3000);
    app.listen(port, () => {
      console.log(`Listening on http://localhost:${String(port)}\n${hello}`);
    });
  });
}

/** A wrong field is the client's to mend, what is missing is not found, and anything else stays unsaid. */
export const problems: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  if (res.headersSent) {
    next(error);
    return;
  }
  if (isKeystileError(error) && 'option' in error) res.status(422).json({ error: error.message, field: error.option });
  else {
    const status = (error as { status?: unknown }).status;
    const known = typeof status === 'number' && status >= 400 && status < 500;
    res.status(known ? status : 500).json({ error: known ? (error as Error).message : 'Something went wrong.' });
  }
};
