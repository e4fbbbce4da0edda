// What every test is given: visitors with browsers of their own. Whatever a browser complains about fails the
// test, unless the test says that it has to be so; and so does a request that leaves the site.

import {
  test as base,
  expect,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from '@playwright/test';
import { Api, PASSWORD, freshName } from './api';
import { OwnCluster, clusterIn, isCluster, sharedFolder, type Cluster } from './cluster';
import { OwnServer } from './server';

export interface VisitOptions extends BrowserContextOptions {
  /** A small screen that is touched. */
  phone?: boolean;
}

/** Somebody signed in: the browser, and the same account as a program. */
export interface SignedIn {
  page: Page;
  api: Api;
  name: string;
}

interface Fixtures {
  /** A new visitor, whom the server does not know. */
  visit: (options?: VisitOptions) => Promise<Page>;
  /** A new visitor with an account. */
  signIn: (options?: VisitOptions) => Promise<SignedIn>;
  /** What browsers are expected to complain about in this test. */
  mayComplain: (...about: RegExp[]) => void;
  /** A server that this test may stop and start. */
  ownServer: OwnServer;
  /** The nodes that all tests share. */
  cluster: Cluster;
  /** Nodes, a database and a Redis that this test may break. */
  ownCluster: OwnCluster;
  complaints: Complaints;
}

const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

class Complaints {
  private readonly all: string[] = [];
  private readonly allowed: RegExp[] = [];

  allow(...about: RegExp[]): void {
    this.allowed.push(...about);
  }

  watch(context: BrowserContext, baseURL: string, scripts: boolean): void {
    // Nobody uses it where scripts are off.
    if (!scripts) this.allow(/voxpop_bg\.wasm was preloaded using link preload but not used/);
    const { host } = new URL(baseURL);
    const leaves = (url: string) => /^(https?|wss?):/.test(url) && new URL(url).host !== host;
    context.on('console', (message) => {
      if (['error', 'warning', 'assert'].includes(message.type())) {
        this.all.push(`${message.type()}: ${message.text()} (${message.location().url})`);
      }
    });
    context.on('weberror', (error) => this.all.push(`uncaught: ${error.error().message}`));
    context.on('request', (request) => {
      if (leaves(request.url())) this.all.push(`a request left the site: ${request.url()}`);
    });
    context.on('page', (page) => {
      page.on('crash', () => this.all.push(`the page crashed: ${page.url()}`));
      page.on('websocket', (socket) => {
        if (leaves(socket.url())) this.all.push(`a socket left the site: ${socket.url()}`);
      });
    });
  }

  left(): string[] {
    return this.all.filter((complaint) => !this.allowed.some((allowed) => allowed.test(complaint)));
  }
}

export const test = base.extend<Fixtures>({
  complaints: async ({}, use) => {
    const complaints = new Complaints();
    await use(complaints);
    expect(complaints.left(), 'what browsers complained about').toEqual([]);
  },

  mayComplain: async ({ complaints }, use) => use((...about) => complaints.allow(...about)),

  visit: async ({ browser, baseURL, complaints }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async ({ phone = false, ...options } = {}) => {
      const all = { baseURL, ...(phone ? PHONE : {}), ...options };
      const context = await browser.newContext(all);
      contexts.push(context);
      await context.addInitScript(markHearing);
      complaints.watch(context, all.baseURL ?? '', all.javaScriptEnabled ?? true);
      return context.newPage();
    });
    await Promise.all(contexts.map((context) => context.close()));
  },

  signIn: async ({ visit }, use) => {
    await use(async (options) => {
      const page = await visit(options);
      const name = freshName();
      const body = { username: name, password: PASSWORD };
      const answer = await page.request.post('/api/v1/auth/register', { data: body });
      expect(answer.status()).toBe(201);
      const { access_token } = (await answer.json()) as { access_token: string };
      return { page, api: new Api(new URL(answer.url()).origin, access_token), name };
    });
  },

  ownServer: async ({}, use, { skip }) => {
    skip(isCluster, 'It has a server of its own, and runs where that is the way.');
    const server = await OwnServer.start();
    await use(server);
    await server.remove();
  },

  cluster: async ({}, use) => use(await clusterIn(sharedFolder)),

  ownCluster: async ({}, use) => {
    const cluster = await OwnCluster.start();
    await use(cluster);
    await cluster.remove();
  },
});

export { expect };

/** Runs in pages: marks the forms that a script listens to, so that tests know when a page has come alive. */
function markHearing(): void {
  const listen = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (this: EventTarget, ...all: Parameters<typeof listen>) {
    if (all[0] === 'submit') Object.assign(this, { heard: true });
    return listen.apply(this, all);
  };
}
