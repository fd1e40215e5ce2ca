import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

export const config = defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Addresses relative to the page: it stands under whatever path the host has chosen.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    // A data: address would be refused by the page's own policy.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  logLevel: 'warn',
});
