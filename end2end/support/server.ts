// A server process: the one that all tests share is started by the configuration, this is for tests that stop
// and start their own.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually';

/** The repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The server program. */
export const voxpop = process.env.VOXPOP_BIN ?? resolve(root, 'target/debug/voxpop');

/** All tests come from one address, and some make accounts and miss rooms by the dozen. */
export const unlimited = {
  VOXPOP_LIMIT_ACCOUNTS: 'off',
  VOXPOP_LIMIT_LOGINS: 'off',
  VOXPOP_LIMIT_MISSES: 'off',
};

/** The program and its settings, for a place to listen and a database file. */
export function serverCommand(listen: string, database: string) {
  return {
    program: voxpop,
    environment: {
      ...unlimited,
      VOXPOP_LISTEN: listen,
      DATABASE_URL: `sqlite://${database}`,
      VOXPOP_SITE_ROOT: process.env.VOXPOP_SITE_ROOT ?? resolve(root, 'target/site'),
      VOXPOP_LOG: process.env.VOXPOP_LOG ?? 'warn',
    },
  };
}

/** A port that nobody listens on just now. */
export function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const probe = createServer().once('error', failed);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => done(port));
    });
  });
}

/** A server of a test's own, that can be stopped and started again over the same database. */
export class OwnServer {
  private process?: ChildProcess;

  private constructor(
    readonly url: string,
    private readonly folder: string,
    private readonly settings: Record<string, string>,
  ) {}

  /** Starts one with these settings beside the usual. */
  static async start(settings: Record<string, string> = {}): Promise<OwnServer> {
    const folder = mkdtempSync(join(tmpdir(), 'voxpop-end2end-'));
    const server = new OwnServer(`http://127.0.0.1:${await freePort()}`, folder, settings);
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const { program, environment } = serverCommand(new URL(this.url).host, join(this.folder, 'voxpop.db'));
    this.process = spawn(program, ['serve'], {
      cwd: root,
      env: { ...process.env, ...environment, ...this.settings },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await eventually('the server answers', async () => {
      if (this.process?.exitCode !== null) throw new Error('The server ended.');
      return (await fetch(`${this.url}/healthz`).catch(() => undefined))?.ok;
    });
  }

  /** Ends the process and waits until it is gone. */
  async stop(signal: NodeJS.Signals): Promise<void> {
    const running = this.process;
    this.process = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const gone = once(running, 'exit');
    running.kill(signal);
    await gone;
  }

  /** Ends it for good. */
  async remove(): Promise<void> {
    await this.stop('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
