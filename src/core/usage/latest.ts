/** Remembers what was asked for lately: at least `most` names and fewer than twice as many. */
export interface Latest<T> {
  /** What is known by this name, or what is made for it now. */
  of(name: string, make: () => T): T;
}

/** Two maps that take turns: to forget one name at a time would mean looking for the oldest each time. */
export function createLatest<T>(most: number): Latest<T> {
  let recent = new Map<string, T>();
  let before = new Map<string, T>();
  return {
    of(name, make) {
      const known = recent.get(name);
      if (known !== undefined) return known;
      const it = before.get(name) ?? make();
      if (recent.size >= most) {
        before = recent;
        recent = new Map();
      }
      recent.set(name, it);
      return it;
    },
  };
}
