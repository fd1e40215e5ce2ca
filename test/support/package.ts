import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { read, root } from './repository.js';

const execute = promisify(execFile);

interface Manifest {
  readonly version: string;
  readonly exports: Record<string, unknown>;
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}

/** package.json. */
export const manifest = JSON.parse(read('package.json')) as Manifest;

/** The tarball as npm would publish it, and a folder outside the repository in which to use it. */
export interface Packed {
  /** Copies a project of test/package/projects, installs the tarball and the named devDependencies, answers its folder. */
  install(project: string, peers: readonly string[]): Promise<string>;
  remove(): Promise<void>;
}

/** Builds and packs. */
export async function pack(): Promise<Packed> {
  const folder = await mkdtemp(join(tmpdir(), 'keystile-packed-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  await run('npm', ['pack', '--silent', '--pack-destination', folder], root).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no tarball');
  return {
    async install(project, peers) {
      const target = join(folder, project);
      await mkdir(target);
      for (const part of ['shared', project]) await cp(join(root, 'test/package/projects', part), target, { recursive: true });
      // The versions of this repository: npm has them in its cache.
      const wanted = peers.map((name) => pinned(name, manifest.devDependencies[name] ?? '*'));
      await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', '--silent', join(folder, tarball), ...wanted], target);
      return target;
    },
    remove,
  };
}

/** Runs a program to its end and answers what it printed; throws with its output when it fails. */
export async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    const { stdout } = await execute(command, args, { cwd, env: cleanEnvironment(), maxBuffer: 16 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')} failed\n${stdout ?? ''}\n${stderr ?? ''}`, { cause: error });
  }
}

/** Lines of JSON that a program of a project printed. */
export async function answers(file: string, cwd: string, ...args: string[]): Promise<unknown[]> {
  const output = await run(process.execPath, [file, ...args], cwd);
  return output.trim().split('\n').map((line): unknown => JSON.parse(line));
}

function pinned(name: string, version: string): string {
  // `express4` is `npm:express@4…` here; a host calls it express.
  return version.startsWith('npm:') ? version.slice('npm:'.length) : `${name}@${version}`;
}

/** The environment without what the surrounding `npm test` says about this package: npm would take it for the target. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const ours = /^(?:npm_package_|npm_lifecycle_|npm_command$|npm_config_local_prefix$|INIT_CWD$|NODE_OPTIONS$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
}
