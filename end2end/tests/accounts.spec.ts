import type { Page } from '@playwright/test';
import { LUNCH, PASSWORD, freshName } from '../support/api';
import { openLive } from '../support/room';
import { expect, test } from '../support/test';

const field = (page: Page, name: string) => page.getByRole('textbox', { name, exact: true });
const submit = (page: Page, name: string) => page.getByRole('main').getByRole('button', { name, exact: true }).click();

for (const javaScriptEnabled of [true, false]) {
  const scripts = javaScriptEnabled ? 'with scripts' : 'without scripts';

  test(`an account is made, left and entered again, ${scripts}`, async ({ visit }) => {
    const page = await visit({ javaScriptEnabled });
    await page.goto('/login');
    await page.getByRole('link', { name: 'Create an account' }).click();
    const name = freshName();
    await field(page, 'User name').fill(name);
    await field(page, 'Display name').fill('Ada L.');
    await page.getByLabel('Password').fill(PASSWORD);
    await submit(page, 'Create an account');
    await expect(page).toHaveURL('/rooms');
    await page.getByRole('button', { name: /Sign out/ }).click();
    await expect(page).toHaveURL('/');
    await page.goto('/rooms');
    await expect(page).toHaveURL(/\/login\?next=/);
    await field(page, 'User name').fill(name.toUpperCase());
    await page.getByLabel('Password').fill(PASSWORD);
    await submit(page, 'Sign in');
    await expect(page).toHaveURL('/rooms');
    await expect(page.getByText('Ada L.')).toBeVisible();
  });

  test(`a wrong password says so and keeps the user name, ${scripts}`, async ({ visit, signIn, mayComplain }) => {
    mayComplain(/status of 401/);
    const { name } = await signIn();
    const page = await visit({ javaScriptEnabled });
    await page.goto('/login?next=/rooms?q=tea');
    await field(page, 'User name').fill(name);
    await page.getByLabel('Password').fill('wrong horses');
    const answer = page.waitForResponse('**/login');
    await submit(page, 'Sign in');
    expect((await answer).status()).toBe(401);
    await expect(page.getByRole('alert')).toHaveText('The user name or the password is not right.');
    await expect(field(page, 'User name')).toHaveValue(name);
    await expect(page.getByLabel('Password')).toHaveValue('');
    await page.getByLabel('Password').fill(PASSWORD);
    await submit(page, 'Sign in');
    await expect(page).toHaveURL('/rooms?q=tea');
  });

  test(`what is wrong with a new account stands beside its field, ${scripts}`, async ({ visit, signIn, mayComplain }) => {
    mayComplain(/status of (422|409)/);
    const { name } = await signIn();
    const page = await visit({ javaScriptEnabled });
    await page.goto('/register');
    await field(page, 'User name').fill('Ada Lovelace!');
    await field(page, 'Display name').fill('Ada');
    await page.getByLabel('Password').fill('short');
    const answer = page.waitForResponse('**/register');
    await submit(page, 'Create an account');
    expect((await answer).status()).toBe(422);
    await expect(page.getByRole('alert')).toHaveText('Please look at the marked fields again.');
    for (const label of ['User name', 'Password']) {
      const marked = page.getByLabel(label);
      await expect(marked).toHaveAttribute('aria-invalid', 'true');
      await expect(marked).toHaveAccessibleDescription(new RegExp(`${label}: \\S+`));
    }
    await expect(field(page, 'User name')).toHaveValue('Ada Lovelace!');
    await expect(field(page, 'Display name')).toHaveValue('Ada');
    await expect(field(page, 'Display name')).not.toHaveAttribute('aria-invalid', 'true');

    await field(page, 'User name').fill(name);
    await page.getByLabel('Password').fill(PASSWORD);
    await submit(page, 'Create an account');
    await expect(page.getByText(/taken; please choose another/).first()).toBeVisible();
    await expect(field(page, 'User name')).toHaveValue(name);
  });
}

test('signing out closes what is open in another tab', async ({ signIn }) => {
  const { page: host, api } = await signIn();
  const room = await api.openRoom([LUNCH]);
  await openLive(host, `/r/${room.code}/host`);
  const tab = await host.context().newPage();
  await tab.goto('/');
  await tab.getByRole('button', { name: /Sign out/ }).click();
  await expect(tab.getByRole('link', { name: 'Sign in' })).toBeVisible();
  await expect(host).toHaveURL(/\/login\?next=/);
  expect((await api.send('GET', '/me')).status).toBe(401);
});

test('a sign-in leads to no other site', async ({ visit, signIn }) => {
  const { name } = await signIn();
  for (const next of ['https://example.org/', '//example.org', '/\\example.org']) {
    const page = await visit();
    await page.goto(`/login?next=${encodeURIComponent(next)}`);
    await field(page, 'User name').fill(name);
    await page.getByLabel('Password').fill(PASSWORD);
    await submit(page, 'Sign in');
    await expect(page).toHaveURL('/rooms');
  }
});

for (const javaScriptEnabled of [true, false]) {
  const scripts = javaScriptEnabled ? 'with scripts' : 'without scripts';

  test(`rooms are made, found, copied and deleted, ${scripts}`, async ({ signIn }) => {
    const { page, api } = await signIn({ javaScriptEnabled });
    await page.goto('/rooms');
    await expect(page.getByText('You have no rooms yet. Create one above.')).toBeVisible();
    await field(page, 'Room title').fill('Town hall');
    await page.getByRole('button', { name: 'Create room' }).click();
    await expect(page).toHaveURL(/\/rooms\/[A-Z0-9]{6}\/edit$/);
    await expect(page.getByRole('heading', { name: 'Town hall' })).toBeVisible();

    const room = await api.openRoom([LUNCH]);
    await page.goto('/rooms');
    const rooms = page.locator('.room-list > li');
    await expect(rooms).toHaveText([/Team day.*Open.*1 question/, /Town hall.*0 questions/]);
    await rooms.first().getByRole('button', { name: 'Duplicate' }).click();
    await expect(rooms).toHaveText([/Team day.*1 question/, /Team day.*Open/, /Town hall/]);
    await expect(rooms.first()).not.toContainText(room.code);
    await expect(rooms.first()).not.toContainText('Open');

    await page.getByRole('searchbox').fill('town');
    await page.getByRole('button', { name: 'Search' }).click();
    await expect(rooms).toHaveText([/Town hall/]);
    await rooms.first().getByText('Delete', { exact: true }).click();
    await rooms.first().getByRole('button', { name: 'Delete this room' }).click();
    await expect(rooms).toHaveText([/Team day/, /Team day/]);
  });
}
