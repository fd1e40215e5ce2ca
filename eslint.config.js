import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Syntax that no file uses: modules without hidden state, one name per thing wherever it is imported. */
const everywhere = [
  { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
  { selector: 'Program > VariableDeclaration[kind!="const"]', message: 'No mutable state at module level.' },
  { selector: 'Program > ExportNamedDeclaration > VariableDeclaration[kind!="const"]', message: 'No mutable state at module level.' },
];

/** What else the library itself keeps to. */
const inSources = [
  ...everywhere,
  { selector: 'ClassDeclaration:not([superClass.name=/Error$/])', message: 'Factories return plain objects; classes are for errors.' },
  { selector: 'ExportAllDeclaration', message: 'Name what an entry exports.' },
  { selector: 'ImportExpression', message: 'Imports stand at the top, where the architecture test sees them.' },
];

export default defineConfig(
  { ignores: ['dist', '.dist-*', 'coverage', 'node_modules', 'bench/node_modules', 'test/package/projects'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts', '**/*.tsx', '**/*.cts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: ['error', 'always'],
      'no-restricted-syntax': ['error', ...everywhere],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      // A leading underscore says "here for its place": an unused parameter, a field taken out of a rest object.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // `next()` and the like are returned to leave early, which is what a reader of middleware expects.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidOperator: true, ignoreVoidReturningFunctions: true }],
      // Type arguments that appear once tie a signature to its caller (`T extends Scope`); the rule cannot tell.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-syntax': ['error', ...inSources],
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^(\\.\\./)+index\\.js$|^\\./index\\.js$|^keystile', message: 'Import the file itself, not an index.' }] },
      ],
      // A factory together with the methods it returns; the architecture test measures each function by itself.
      'max-lines-per-function': ['error', { max: 120, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['dashboard/**/*.{ts,tsx}'],
    rules: {
      'no-console': 'error',
      // Of a hook, what it hands back is all there is; handlers are called by whoever has them.
      '@typescript-eslint/no-empty-object-type': 'error',
    },
  },
  {
    files: ['src/testing/**/*.ts'],
    // A test runner's functions (`it`, `equal`) are handed in to be called by themselves.
    rules: { '@typescript-eslint/unbound-method': 'off' },
  },
  {
    files: ['test/**/*.ts', 'examples/**/*.ts', 'bench/**/*.ts'],
    rules: {
      // `let` at the top of a test file is what beforeEach fills.
      'no-restricted-syntax': ['error', { selector: 'ExportDefaultDeclaration', message: 'Export by name.' }],
      // Hosts and test runners take async callbacks where their types say void.
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      // JSON answers of a server under test are `any`; their shape is what the expectation checks.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      // Keys are ASCII: a spread string is its characters.
      '@typescript-eslint/no-misused-spread': 'off',
      // `void promise` where a callback's type allows both.
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      // `expect(port.method)` and spies handle methods without their object.
      '@typescript-eslint/unbound-method': 'off',
      // An adapter's async method may have nothing to wait for; a test's message may hold a number.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': 'off',
      // A test that has just asserted a value may say so.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: { ecmaVersion: 2024 },
    rules: { eqeqeq: ['error', 'always'], 'no-unused-vars': ['error', { argsIgnorePattern: '^_' }], 'no-var': 'error', 'prefer-const': 'error' },
  },
);
