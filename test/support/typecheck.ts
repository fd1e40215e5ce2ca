import ts from 'typescript';
import { root } from './repository.js';

/** A piece of TypeScript that stands in another file. */
export interface Snippet {
  /** Where a reader finds it: `docs/keys.md:12`. */
  readonly at: string;
  readonly code: string;
}

/** What the compiler says about each snippet, as one module each, under the repository's own options. */
export function typecheck(snippets: readonly Snippet[]): string[] {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile) as { config: unknown };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  // In a folder that exists only here, so that imports resolve as they do for a file of the repository.
  const modules = new Map(snippets.map((snippet, index) => [`${root}docs/snippet-${index}.ts`, snippet]));
  const host = ts.createCompilerHost(options);
  const { fileExists, getSourceFile } = host;
  host.fileExists = (path) => modules.has(path) || fileExists(path);
  host.getSourceFile = (path, version, ...rest) => {
    const snippet = modules.get(path);
    // The extra export makes a module of a block that has none of its own.
    return snippet === undefined ? getSourceFile(path, version, ...rest) : ts.createSourceFile(path, `${snippet.code}\nexport {};`, version, true);
  };
  const program = ts.createProgram([...modules.keys()], options, host);
  return [...modules].flatMap(([path, snippet]) => {
    const file = program.getSourceFile(path);
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return found.map((one) => `${place(snippet.at, one)}: ${ts.flattenDiagnosticMessageText(one.messageText, '\n')}`);
  });
}

function place(at: string, diagnostic: ts.Diagnostic): string {
  const [, path = at, first = '1'] = /^(.*):(\d+)$/.exec(at) ?? [];
  const line = diagnostic.file === undefined ? 0 : diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line;
  return `${path}:${Number(first) + line}`;
}
