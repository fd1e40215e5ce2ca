import { useRef, useState } from 'preact/hooks';

/**
 * Whether some work is under way, and a way to begin it, which does nothing while it is. What a page knows of itself is as old as its
 * last drawing: two presses between two drawings would both begin, and end a key twice.
 */
export function useWork(): readonly [isBusy: boolean, begin: (work: () => Promise<void>) => void] {
  const isUnderWay = useRef(false);
  const [isBusy, setIsBusy] = useState(false);
  const begin = (work: () => Promise<void>): void => {
    if (isUnderWay.current) return;
    isUnderWay.current = true;
    setIsBusy(true);
    void work().finally(() => {
      isUnderWay.current = false;
      setIsBusy(false);
    });
  };
  return [isBusy, begin];
}
