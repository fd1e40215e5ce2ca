import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Service } from './required.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const PLACES = (process.env['PATH'] ?? '').split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));

/** `CHROMIUM`, or the first browser on the path that Playwright can drive. */
export const BROWSER = [process.env['CHROMIUM'] ?? '', ...PLACES].find((path) => existsSync(path));

export const CHROMIUM: Service = {
  name: 'Chromium',
  isHere: BROWSER !== undefined,
  howToInstall: 'apt-get install chromium, brew install chromium, or CHROMIUM=<path of a Chrome>',
};
