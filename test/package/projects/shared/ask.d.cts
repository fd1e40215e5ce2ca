import type { RequestListener } from 'node:http';

export declare function ask(handler: RequestListener, key: string): Promise<void>;
