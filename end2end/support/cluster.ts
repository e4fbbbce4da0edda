// Many nodes on MariaDB and Redis behind a proxy, as `xtask cluster` starts them. One cluster is shared by all
// tests, where they run in this way; a test that breaks things has one of its own.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { eventually } from './eventually';
import { root, unlimited, voxpop } from './server';

/** Whether the tests run against a cluster in place of one server. */
export const isCluster = process.env.VOXPOP_E2E_WAY === 'cluster';

/** Where the shared cluster keeps its data, its logs, and the file that tells what runs where. */
export const sharedFolder = resolve(root, 'target/end2end-cluster');

/** The program that runs a cluster in a folder, and its arguments. A port of 0 is any free one. */
export function clusterCommand(folder: string, proxyPort = 0): [string, string[]] {
  const ports = [proxyPort, 0, 0].join();
  const args = ['cluster', '--ports', ports, '--folder', folder, '--voxpop', voxpop];
  return [resolve(root, 'target/debug/xtask'), args];
}

export interface Node {
  url: string;
  pid: number;
}

/** What runs where. */
export interface Cluster {
  proxy: string;
  nodes: [Node, Node];
  mysql: string;
  redis: string;
}

/** The cluster in a folder, once all of it runs. */
export function clusterIn(folder: string): Promise<Cluster> {
  const file = join(folder, 'cluster.json');
  const look = async () => (existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Cluster) : undefined);
  return eventually('the cluster runs', look, 60_000);
}

/** A cluster of a test's own. */
export class OwnCluster {
  private constructor(
    readonly all: Cluster,
    private readonly folder: string,
    private readonly process: ChildProcess,
  ) {}

  static async start(): Promise<OwnCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'voxpop-end2end-'));
    // Nodes tell each request, so that a test can find who answered it.
    const env = { ...process.env, ...unlimited, VOXPOP_LOG: 'warn,server::http::trace=debug', NO_COLOR: '1' };
    const running = spawn(...clusterCommand(folder), { env, stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(running, 'exit').then(() => {
      throw new Error('The cluster ended.');
    });
    return new OwnCluster(await Promise.race([clusterIn(folder), ended]), folder, running);
  }

  /** The nodes: first the one that opened a socket, and there must be one, then the other. */
  bySocket(): [Node, Node] {
    const [one, other] = this.all.nodes;
    const has = (name: string) => / path="\/ws" status=101 /.test(readFileSync(join(this.folder, `${name}.log`), 'utf8'));
    const found = [has('node1'), has('node2')];
    if (found[0] === found[1]) throw new Error(`Not one node has a socket: ${found.join()}.`);
    return found[0] ? [one, other] : [other, one];
  }

  /** Empties Redis. */
  flushRedis(): void {
    execFileSync('redis-cli', ['-u', this.all.redis, 'FLUSHALL']);
  }

  /** Has the database take no writes until what this gives back is called. */
  async holdWrites(): Promise<() => Promise<void>> {
    const { hostname, port, username } = new URL(this.all.mysql);
    const where = [`--host=${hostname}`, `--port=${port}`, `--user=${username}`];
    const client = spawn('mariadb', ['--no-defaults', ...where, '--unbuffered'], { stdio: ['pipe', 'pipe', 'inherit'] });
    client.stdin.write("FLUSH TABLES WITH READ LOCK; SELECT 'held';\n");
    await once(client.stdout, 'data');
    return async () => {
      const gone = once(client, 'exit');
      client.stdin.end();
      await gone;
    };
  }

  /** Ends it for good: what it started ends with it. */
  async remove(): Promise<void> {
    const gone = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await gone;
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }
}
