/** Apart from `stacks.mjs`, so that `run.mjs` needs no package before it has installed them. */
export const HOSTS = ['Express 5', 'Express 4', 'Connect', 'node:http'];
