import { readFile } from 'node:fs/promises';

import { LUNCH, type Api, type Room } from '../support/api';
import { expectBars, expectChosen, live, openLive, option, vote } from '../support/room';
import { expect, test } from '../support/test';

interface Ticket {
  code: string;
  url: string;
}

async function made(api: Api, room: Room, count: number): Promise<Ticket[]> {
  return (await api.post<{ tickets: Ticket[] }>(`/rooms/${room.code}/tickets`, { count })).tickets;
}

test('the link on a ticket fills the form in, and following it uses nothing up', async ({ signIn, visit, mayComplain }) => {
  mayComplain(/status of (404|409)/);
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH], { voters: 'ticket' });
  const [ticket] = await made(api, room, 1);
  const { pathname, hash } = new URL(ticket.url);
  const [phone, late] = [await visit({ phone: true }), await visit({ phone: true })];
  for (const visitor of [late, phone]) {
    const asked: string[] = [];
    visitor.on('request', (request) => asked.push(request.url() + JSON.stringify(request.headers())));
    await openLive(visitor, pathname + hash);
    await expect(visitor.getByLabel('Your voting ticket')).toHaveValue(ticket.code);
    // The code is in no log on the way, and does not stay in the address.
    await expect(visitor).toHaveURL(pathname);
    expect(asked.filter((request) => request.includes(ticket.code))).toEqual([]);
    await expect(option(visitor, 'Thai')).toBeHidden();
  }
  const field = phone.getByLabel('Your voting ticket');
  await field.fill('22222-22222');
  await phone.getByRole('button', { name: 'Use my ticket' }).click();
  await expect(field).toHaveAccessibleDescription(/is none of this room's/);
  await expect(field).toHaveValue('22222-22222');
  await field.fill(ticket.code.toLowerCase());
  await phone.getByRole('button', { name: 'Use my ticket' }).click();
  await expect(phone).toHaveURL(`/r/${room.code}`);
  await live(phone);
  await vote(phone, 'Thai');
  await expectBars(phone, { Thai: 1, Pizza: 0, 'Salad bar': 0 });
  await late.getByRole('button', { name: 'Use my ticket' }).click();
  await expect(late.getByLabel('Your voting ticket')).toHaveAccessibleDescription(/was used already/);
});

test('a ticket whose link is followed in the open page fills the form in, too', async ({ signIn, visit }) => {
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH], { voters: 'ticket' });
  const [ticket] = await made(api, room, 1);
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  await expect(phone.getByLabel('Your voting ticket')).toHaveValue('');
  await phone.evaluate((url) => location.assign(url), ticket.url);
  await expect(phone.getByLabel('Your voting ticket')).toHaveValue(ticket.code);
  await expect(phone).toHaveURL(`/r/${room.code}`);
});

test('the choice of tickets reaches an open page, and asks there', async ({ signIn, visit }) => {
  const { page: host, api } = await signIn();
  const room = await api.openRoom([LUNCH]);
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  await expect(phone.getByText('One vote for each browser. Whoever uses two of them can vote twice.')).toBeVisible();
  await host.goto(`/rooms/${room.code}/edit`);
  await host.getByLabel('Who may vote').selectOption('ticket');
  await host.getByRole('region', { name: 'Settings' }).getByRole('button', { name: 'Save' }).click();
  await expect(phone.getByLabel('Your voting ticket')).toBeVisible();
  await expect(phone.getByText('One vote for each ticket, whoever holds it.')).toBeVisible();
  await expect(option(phone, 'Thai')).toBeHidden();
  await api.call('PATCH', `/rooms/${room.code}`, { settings: { voters: 'guest' } });
  await vote(phone, 'Thai');
});

test('on paper there are unused tickets and nothing else, a hundred at a time', async ({ signIn }) => {
  const { page, api } = await signIn();
  const room = await api.openRoom([LUNCH], { voters: 'ticket' });
  const [used] = await made(api, room, 102);
  await (await api.guest()).post(`/rooms/${room.code}/ticket`, { ticket: used.code });
  await page.goto(`/rooms/${room.code}/tickets`);
  const sheet = page.locator('.ticket-sheet > li');
  await expect(sheet).toHaveCount(100);
  await page.getByText('Used tickets').click();
  await expect(page.locator('.used-tickets > li')).toHaveText([used.code.replace(/^.{5}/, '$&-')]);
  await page.emulateMedia({ media: 'print' });
  await expect(sheet.first().locator('svg')).toBeVisible();
  for (const hidden of ['.top', 'h1', 'form', '.used-tickets']) await expect(page.locator(hidden).first()).toBeHidden();
  await page.emulateMedia({ media: 'screen' });
  await page.getByRole('link', { name: 'Next sheet' }).click();
  await expect(sheet).toHaveCount(1);
  await page.locator('summary', { hasText: 'Delete the unused ones' }).click();
  await page.getByRole('button', { name: 'Delete the unused ones' }).click();
  await expect(page.getByText('1 of 1 ticket used.')).toBeVisible();
  await expect(sheet).toHaveCount(0);
});

test('a guest reads what a guest is, and can be forgotten', async ({ signIn, visit }) => {
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH]);
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  await vote(phone, 'Thai');
  await phone.getByRole('link', { name: 'You are a guest here' }).click();
  await phone.getByLabel('Display name').fill('Row 7');
  await phone.getByRole('button', { name: 'Save' }).click();
  await expect(phone.getByRole('status')).toHaveText('Saved.');
  await expect(phone.getByLabel('Display name')).toHaveValue('Row 7');
  await phone.locator('summary', { hasText: 'Forget this device' }).click();
  await phone.getByRole('button', { name: 'Forget this device' }).click();
  await expect(phone).toHaveURL('/');
  await openLive(phone, `/r/${room.code}`);
  await expectChosen(phone);
  await vote(phone, 'Pizza');
  await expectBars(phone, { Thai: 1, Pizza: 1, 'Salad bar': 0 });
});

test('the way to the account is there on a phone, too', async ({ signIn }) => {
  const { page, name } = await signIn({ viewport: { width: 320, height: 568 }, phone: true });
  await page.goto('/rooms');
  await page.getByText(name, { exact: true }).click();
  await expect(page).toHaveURL('/account');
  await page.getByRole('main').getByRole('button', { name: 'Sign out', exact: true }).click();
  await expect(page).toHaveURL('/');
  await expect(page.getByRole('link', { name: 'Sign in' })).toBeVisible();
});

test('everything that is held about somebody comes as a file', async ({ signIn }) => {
  const { page, api, name } = await signIn();
  await api.openRoom([LUNCH]);
  await page.goto('/account');
  const saving = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download my data' }).click();
  const saved = await saving;
  expect(saved.suggestedFilename()).toBe('voxpop-export.json');
  const text = await readFile(await saved.path(), 'utf8');
  expect((JSON.parse(text) as { about: { username: string } }).about.username).toBe(name);
  expect(text).toContain(LUNCH.question);
});
