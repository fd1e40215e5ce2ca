import type { RawBuilder } from 'kysely';

/** A row as a driver gives it. */
export type Row = Readonly<Record<string, unknown>>;

/** What became of a statement. */
export interface Outcome {
  readonly rows: readonly Row[];
  /** Rows inserted, updated or deleted; 0 for an insertion that a unique index has refused. */
  readonly changes: number;
}

/** A statement that is asked again and again in the same words, with the name under which a server may keep its plan. */
export interface Prepared {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** A statement, ready or still to be compiled. */
export type Statement = RawBuilder<unknown> | Prepared;

/**
 * One operation as a sequence of statements: each is yielded and answered with its outcome. Written once, run by engines that answer
 * at once and by engines that answer later.
 */
export type Steps<T> = Generator<Statement, T, Outcome>;

/** Thrown by steps that have found in the middle that nothing shall be done; what they run in undoes the rest and answers so. */
export class RefusedError<T> extends Error {
  readonly answer: T;
  constructor(answer: T) {
    super('nothing was changed');
    this.answer = answer;
  }
}

export function runNow<T>(steps: Steps<T>, execute: (statement: Statement) => Outcome): T {
  let step = steps.next();
  while (step.done !== true) step = steps.next(execute(step.value));
  return step.value;
}

export async function runLater<T>(steps: Steps<T>, execute: (statement: Statement) => Promise<Outcome>): Promise<T> {
  let step = steps.next();
  while (step.done !== true) step = steps.next(await execute(step.value));
  return step.value;
}
