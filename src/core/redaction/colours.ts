/** Whether a place is inside what switches a terminal's colour: `ESC[1;32m`. */
export const inColour = (text: string, index: number): boolean => /\x1b\[[\d;]*$/.test(text.slice(Math.max(0, index - 16), index));
