// Whatever people type is text: in every field that is kept, on every screen that shows it, in the page as it comes
// and in the page as it lives on. The pages' policy would stop a script that slipped in, so it is looked for too.

import type { Page } from '@playwright/test';
import { Api, LUNCH, PASSWORD, freshName, single } from '../support/api';
import { live } from '../support/room';
import { expect, test } from '../support/test';

const ATTACKS = [
  '<img src=x onerror=__pwned=1>',
  '</script><script>__pwned=1</script>',
  '</title></textarea></style><svg onload=__pwned=1>',
  '" autofocus onfocus=__pwned=1 x="',
  '<a href=javascript:__pwned=1>x</a>',
  'javascript:__pwned=1',
  '<!--<script>',
];
/** All of them in the longest field there is. */
const ALL = ATTACKS.join(' ');
const NAME = '"></script><img src=x onerror=__pwned=1>';
const REFUSED = /status of (401|404|422)/;

/** Whether nothing that was typed has become a part of the page. */
async function unharmed(page: Page, where: string): Promise<void> {
  const found = await page.evaluate(() => {
    const html = (all: Iterable<Element>) => [...all].map((each) => each.outerHTML.slice(0, 200));
    const handlers = [...document.querySelectorAll('*')].filter((each) =>
      [...each.attributes].some(({ name, value }) => name.startsWith('on') || /^\s*javascript:/i.test(value) && name !== 'value'),
    );
    return {
      ran: '__pwned' in window,
      made: html(document.querySelectorAll('img[src="x"], svg[onload], [autofocus][x]')),
      handlers: html(handlers),
      scripts: html([...document.scripts].filter((script) => !script.nonce)),
    };
  });
  expect.soft(found, where).toEqual({ ran: false, made: [], handlers: [], scripts: [] });
}

/** A room in which everything that can be typed is an attack. */
async function nastyRoom(api: Api) {
  await api.call('PATCH', '/me', { display_name: NAME });
  const room = await api.room(ALL, [single(ALL, ...ATTACKS), single(ALL, ...ATTACKS)], { results: 'always' });
  await api.act(room.polls[0], 'open');
  await api.crowd(room.polls[0], { option: 1 }, 2);
  await api.post(`/rooms/${room.code}/tickets`, { count: 1 });
  return room;
}

for (const javaScriptEnabled of [true, false]) {
  const scripts = javaScriptEnabled ? 'with scripts' : 'without scripts';

  test(`what was kept is text on every screen, ${scripts}`, async ({ signIn }) => {
    test.setTimeout(120_000);
    const { page, api } = await signIn({ javaScriptEnabled, userAgent: ATTACKS[0] });
    const { code } = await nastyRoom(api);
    const shown = async (path: string, text: string) => {
      await page.goto(path);
      await expect.soft(page.getByText(text).first(), path).toBeVisible();
      await unharmed(page, path);
    };
    await shown('/', NAME);
    await shown('/account', NAME);
    await expect(page.getByRole('textbox', { name: 'Display name' })).toHaveValue(NAME);
    await shown('/rooms', ALL);
    await shown(`/rooms?q=${encodeURIComponent(ATTACKS[1])}`, ALL);
    await expect(page.getByRole('searchbox')).toHaveValue(ATTACKS[1]);
    await shown(`/rooms/${code}/tickets`, ALL);
    await shown('/api/docs', 'OpenAPI 3.1');
    for (const path of [`/r/${code}`, `/r/${code}/host`, `/r/${code}/screen`]) {
      await shown(path, ALL);
      if (javaScriptEnabled && !path.endsWith('screen')) await live(page);
      for (const attack of ATTACKS) await expect.soft(page.getByText(attack).first(), path).toBeVisible();
      await unharmed(page, path);
    }
    await page.goto(`/rooms/${code}/edit`);
    await expect(page.locator('input[name=title]').first()).toHaveValue(ALL);
    await unharmed(page, 'edit');
  });

  test(`what was refused or came with the address is text, ${scripts}`, async ({ visit, mayComplain }) => {
    mayComplain(REFUSED);
    const page = await visit({ javaScriptEnabled });
    for (const attack of ATTACKS) {
      const typed = encodeURIComponent(attack);
      for (const path of [
        `/join?code=${typed}`,
        `/login?next=${typed}`,
        `/register?next=/${typed}&invitation=${typed}`,
        `/r/${typed}`,
        `/r/${typed}/screen`,
        `/nowhere/${typed}?${typed}`,
      ]) {
        await page.goto(path);
        await unharmed(page, path);
      }
    }
    const sent = async (path: string, names: string[]) => {
      await page.goto(path);
      const form = page.locator(`form[action="${path}"]`);
      for (const name of names) await form.locator(`[name=${name}]`).fill(ALL.slice(0, 30));
      await form.locator('[type=password]').fill('short');
      await form.getByRole('button').click();
      await expect(page.getByRole('alert').first()).toBeVisible();
      for (const name of names) await expect(form.locator(`[name=${name}]`)).toHaveValue(ALL.slice(0, 30));
      await unharmed(page, path);
    };
    await sent('/login', ['username']);
    await sent('/register', ['username', 'display_name']);
  });
}

test('what others type while a page is open is text there', async ({ signIn, visit }) => {
  const { page: host, api } = await signIn();
  const room = await api.openRoom([LUNCH], { results: 'always' });
  const [phone, screen] = [await visit(), await visit()];
  const pages = { host, phone, screen };
  await host.goto(`/r/${room.code}/host`);
  await phone.goto(`/r/${room.code}`);
  await screen.goto(`/r/${room.code}/screen`);
  await live(phone);
  await api.call('PATCH', `/rooms/${room.code}`, { title: ALL });
  const poll = await api.post<{ id: string }>(`/rooms/${room.code}/polls`, single(ALL, ...ATTACKS));
  await api.post(`/polls/${poll.id}/open`);
  for (const [where, page] of Object.entries(pages)) {
    for (const attack of ATTACKS) await expect(page.getByText(attack).first()).toBeVisible();
    await unharmed(page, where);
  }
});

test('a sign-in leads to no other site', async ({ visit }) => {
  for (const next of ['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:__pwned=1', '/\t/evil.example']) {
    const page = await visit();
    const made = await page.request.post('/register', {
      form: { username: freshName(), password: PASSWORD, next },
      maxRedirects: 0,
    });
    expect([made.status(), made.headers().location], next).toEqual([303, '/rooms']);
    await page.goto(`/login?next=${encodeURIComponent(next)}`);
    await expect(page).toHaveURL('/rooms');
  }
});

test('no script can read who somebody is', async ({ signIn }) => {
  const { page, api } = await signIn();
  const { code } = await api.openRoom([LUNCH]);
  await page.goto(`/r/${code}`);
  const guest = await page.context().browser()!.newContext();
  await guest.request.get(new URL(`/r/${code}`, page.url()).href);
  const cookies = [...(await page.context().cookies()), ...(await guest.cookies())];
  await guest.close();
  expect(cookies.length).toBeGreaterThanOrEqual(3);
  expect(cookies.filter(({ httpOnly, sameSite }) => !httpOnly || sameSite !== 'Lax')).toEqual([]);
  expect(await page.evaluate(() => document.cookie)).toBe('');
});
