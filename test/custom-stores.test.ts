import { describe, it } from '@jest/globals';
import ts from 'typescript';
import { statusOf } from '../src/core/record.js';
import type { KeyStore } from '../src/core/ports.js';
import { storeContract } from '../src/testing/store-contract.js';
import { readMarkdown } from './support/markdown.js';
import { read } from './support/repository.js';

/** The skeleton that docs/custom-stores.md gives to authors of stores, as it stands there. */
function skeleton(): () => KeyStore {
  const code = readMarkdown(read('docs/custom-stores.md')).fences.find((fence) => fence.code.includes('function skeletonStore'))?.code ?? '';
  const { outputText } = ts.transpileModule(code, { compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023 } });
  const exported: { skeletonStore?: () => KeyStore } = {};
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the page's own words are what is tested
  (new Function('exports', 'require', outputText) as (exports: object, require: () => object) => void)(exported, () => ({ statusOf }));
  if (exported.skeletonStore === undefined) throw new Error('docs/custom-stores.md has no skeletonStore');
  return exported.skeletonStore;
}

const skeletonStore = skeleton();
storeContract({ describe, it }, () => ({ store: skeletonStore() }));
