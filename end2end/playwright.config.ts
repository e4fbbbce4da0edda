import { defineConfig } from '@playwright/test';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { clusterCommand, isCluster, sharedFolder } from './support/cluster';
import { freePort, root, serverCommand, unlimited } from './support/server';

// Each worker reads this file again; what the first reading decides comes to the others by the environment.
// VOXPOP_E2E_URL names a server that runs already; without it one is started, on a free port, with an empty
// database below target/. With VOXPOP_E2E_WAY=cluster it is a cluster, and the server is its proxy.
const ownServer = !process.env.VOXPOP_E2E_URL || process.env.VOXPOP_E2E_OWN === '1';
if (!process.env.VOXPOP_E2E_URL) {
  process.env.VOXPOP_E2E_URL = `http://127.0.0.1:${await freePort()}`;
  process.env.VOXPOP_E2E_OWN = '1';
}
const baseURL = process.env.VOXPOP_E2E_URL;

export default defineConfig({
  testDir: 'tests',
  outputDir: 'test-results',
  reporter: 'list',
  forbidOnly: !!process.env.CI,
  fullyParallel: true,
  workers: 2,
  retries: 0,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  use: {
    baseURL,
    viewport: { width: 1280, height: 800 },
    // Without a film of every test, which costs more than the tests.
    trace: { mode: 'retain-on-failure', screenshots: false },
    launchOptions: {
      executablePath: chromium(),
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  webServer: ownServer ? (isCluster ? cluster() : server()) : undefined,
});

function server() {
  const data = empty(resolve(root, 'target/end2end'));
  const { program, environment } = serverCommand(new URL(baseURL).host, resolve(data, 'voxpop.db'));
  return {
    command: `'${program}' serve`,
    cwd: root,
    url: `${baseURL}/healthz`,
    timeout: 30_000,
    gracefulShutdown: { signal: 'SIGTERM' as const, timeout: 5_000 },
    env: environment,
  };
}

function cluster() {
  const [program, args] = clusterCommand(empty(sharedFolder), Number(new URL(baseURL).port));
  return {
    command: [program, ...args].map((word) => `'${word}'`).join(' '),
    cwd: root,
    url: `${baseURL}/readyz`,
    timeout: 60_000,
    gracefulShutdown: { signal: 'SIGTERM' as const, timeout: 20_000 },
    env: { ...unlimited, VOXPOP_LOG: process.env.VOXPOP_LOG ?? 'warn' },
  };
}

/** Makes a folder empty, before the first worker comes. */
function empty(folder: string): string {
  if (!process.env.TEST_WORKER_INDEX) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
  return folder;
}

function chromium(): string {
  const usual = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  const found = process.env.CHROMIUM_PATH ?? usual.find(existsSync);
  if (!found) throw new Error('No Chromium found: run scripts/setup test, or set CHROMIUM_PATH.');
  return found;
}
