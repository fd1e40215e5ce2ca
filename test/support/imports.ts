import { posix } from 'node:path';
import ts from 'typescript';
import { files, read } from './repository.js';

/** One import or re-export of a source file. */
export interface Import {
  readonly from: string;
  /** Path of a source file, or the name of a package (`node:net`, `lru-cache`). */
  readonly to: string;
  /** Nothing of it is left after compiling. */
  readonly typeOnly: boolean;
}

/** Every import, export … from, import() and import type in src. */
export function importsOf(sources: readonly string[]): Import[] {
  return sources.flatMap((from) => {
    const found: Import[] = [];
    const visit = (node: ts.Node): void => {
      const named = specifier(node);
      if (named !== undefined) found.push({ from, to: target(from, named.text), typeOnly: named.typeOnly });
      ts.forEachChild(node, visit);
    };
    visit(parse(from));
    return found;
  });
}

/** A file of the repository as a syntax tree. */
export function parse(path: string): ts.SourceFile {
  return ts.createSourceFile(path, read(path), ts.ScriptTarget.ES2023, true);
}

/** All TypeScript files of the library. */
export function sourceFiles(): string[] {
  return files('src').filter((path) => path.endsWith('.ts'));
}

function specifier(node: ts.Node): { text: string; typeOnly: boolean } | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    // `import { type A } from` leaves `import {} from` behind; only `import type` vanishes.
    return { text: node.moduleSpecifier.text, typeOnly: node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
    return { text: node.moduleSpecifier.text, typeOnly: node.isTypeOnly };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return { text: node.argument.literal.text, typeOnly: true };
  }
  const argument = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword ? node.arguments[0] : undefined;
  return argument !== undefined && ts.isStringLiteral(argument) ? { text: argument.text, typeOnly: false } : undefined;
}

function target(from: string, text: string): string {
  return text.startsWith('.') ? posix.join(posix.dirname(from), text).replace(/\.js$/, '.ts') : text;
}
