import { defineConfig } from '@playwright/test';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { freePort, root, serverCommand } from './support/server';

// Each worker reads this file again; what the first reading decides comes to the others by the environment.
// VOXPOP_E2E_URL names a server that runs already; without it one is started, on a free port, with an empty
// database below target/.
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
  webServer: ownServer ? server() : undefined,
});

function server() {
  const data = resolve(root, 'target/end2end');
  if (!process.env.TEST_WORKER_INDEX) {
    rmSync(data, { recursive: true, force: true });
    mkdirSync(data, { recursive: true });
  }
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

function chromium(): string {
  const usual = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  const found = process.env.CHROMIUM_PATH ?? usual.find(existsSync);
  if (!found) throw new Error('No Chromium found: run scripts/setup test, or set CHROMIUM_PATH.');
  return found;
}
