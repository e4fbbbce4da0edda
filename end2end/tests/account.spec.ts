import type { Page } from '@playwright/test';
import { LUNCH, PASSWORD } from '../support/api';
import { expectChosen, live, openLive, option, told, vote } from '../support/room';
import { expect, test } from '../support/test';

const field = (page: Page, name: string) => page.getByLabel(name, { exact: true });
const press = (page: Page, name: string) => page.getByRole('main').getByRole('button', { name, exact: true }).click();

/** The same account on another device. */
async function elsewhere(visit: () => Promise<Page>, name: string, next = '/rooms'): Promise<Page> {
  const page = await visit();
  await page.goto(`/login?next=${next}`);
  await field(page, 'User name').fill(name);
  await field(page, 'Password').fill(PASSWORD);
  await press(page, 'Sign in');
  await expect(page).toHaveURL(next);
  return page;
}

for (const javaScriptEnabled of [true, false]) {
  const scripts = javaScriptEnabled ? 'with scripts' : 'without scripts';

  test(`a name and a password are changed, and other devices are out, ${scripts}`, async ({ signIn, visit, mayComplain }) => {
    mayComplain(/status of 422/);
    const { page, name, api } = await signIn({ javaScriptEnabled });
    const room = await api.openRoom([LUNCH]);
    const other = await elsewhere(visit, name);
    await openLive(other, `/r/${room.code}/host`);
    await page.goto('/');
    await page.getByRole('link', { name: /^Account/ }).click();
    await field(page, 'Display name').fill('Ada L.');
    await press(page, 'Save');
    await expect(page.getByRole('status')).toHaveText('Saved.');
    await expect(page.getByRole('link', { name: 'Account Ada L.' })).toBeVisible();

    await field(page, 'Current password').fill('wrong horses');
    await field(page, 'New password').fill('another staple');
    await press(page, 'Change password');
    await expect(field(page, 'Current password')).toHaveAccessibleDescription(/is not your password/);
    await expect(field(page, 'Current password')).toHaveValue('');
    await field(page, 'Current password').fill(PASSWORD);
    await field(page, 'New password').fill('another staple');
    await press(page, 'Change password');
    await expect(page.getByRole('status')).toHaveText('Password changed. Your other devices are signed out.');
    await expect(other).toHaveURL(/\/login\?next=/);
  });

  test(`sessions are listed and ended, ${scripts}`, async ({ signIn, visit }) => {
    const { page, name } = await signIn({ javaScriptEnabled });
    const [one, two] = [await elsewhere(visit, name), await elsewhere(visit, name)];
    await page.goto('/account');
    const sessions = page.locator('.session');
    await expect(sessions).toHaveCount(3);
    await expect(sessions.filter({ hasText: 'This device' })).toHaveCount(1);
    await expect(sessions.first()).toContainText(/Chrome, Linux.*Seen just now/s);
    await page.getByRole('button', { name: 'Sign out Chrome, Linux' }).first().click();
    await expect(page.getByRole('status')).toHaveText('Signed out there.');
    await expect(sessions).toHaveCount(2);
    await press(page, 'Sign out everywhere else');
    await expect(sessions).toHaveCount(1);
    for (const gone of [one, two]) {
      await gone.goto('/rooms');
      await expect(gone).toHaveURL(/\/login\?next=/);
    }
  });

  test(`an account is deleted by who types its name, ${scripts}`, async ({ signIn, mayComplain }) => {
    mayComplain(/status of 422/);
    const { page, name } = await signIn({ javaScriptEnabled });
    await page.goto('/account');
    await page.getByText('Delete my account').first().click();
    await field(page, 'Type your user name to confirm').fill('somebody');
    await press(page, 'Delete my account');
    await expect(field(page, 'Type your user name to confirm')).toHaveAccessibleDescription(/is not your user name/);
    await field(page, 'Type your user name to confirm').fill(name);
    await press(page, 'Delete my account');
    await expect(page).toHaveURL('/');
    await expect(page.getByRole('link', { name: 'Sign in' })).toBeVisible();
  });

  test(`tickets are made, used once each, and let their holders vote, ${scripts}`, async ({ signIn, visit, mayComplain }) => {
    mayComplain(/status of (404|409)/);
    const { page, api } = await signIn({ javaScriptEnabled });
    const room = await api.openRoom([LUNCH], { voters: 'ticket' });
    await page.goto(`/rooms/${room.code}/tickets`);
    await field(page, 'How many').fill('2');
    await press(page, 'Make tickets');
    const codes = page.locator('.ticket-code');
    await expect(codes).toHaveCount(2);
    await expect(page.locator('.ticket-qr svg')).toHaveCount(2);
    const code = (await codes.first().textContent()) ?? '';

    const voter = await visit({ javaScriptEnabled });
    await voter.goto(`/r/${room.code}?ticket=${code.replace('-', '')}`);
    await expect(field(voter, 'Your voting ticket')).toHaveValue(code.replace('-', ''));
    await field(voter, 'Your voting ticket').fill('22222-22222');
    await press(voter, 'Use my ticket');
    await expect(field(voter, 'Your voting ticket')).toHaveAccessibleDescription(/is none of this room's/);
    await field(voter, 'Your voting ticket').fill(code.toLowerCase());
    await press(voter, 'Use my ticket');
    await expect(field(voter, 'Your voting ticket')).toHaveCount(0);
    await option(voter, 'Thai').click();
    await told(voter, javaScriptEnabled ? 'Counted ✓' : 'You have voted. ✓');

    const late = await visit({ javaScriptEnabled });
    await late.goto(`/r/${room.code}?ticket=${code}`);
    await press(late, 'Use my ticket');
    await expect(field(late, 'Your voting ticket')).toHaveAccessibleDescription(/was used already/);
    await page.reload();
    await expect(page.getByText('1 of 2 tickets used.')).toBeVisible();
    await expect(codes).toHaveCount(1);
  });
}

test('a page goes on where the access cookie has gone and the refresh cookie is there', async ({ signIn }) => {
  const { page } = await signIn();
  await page.goto('/rooms');
  await page.context().clearCookies({ name: 'voxpop_session' });
  await page.goto('/account');
  await expect(page.getByRole('heading', { name: 'Account' })).toBeVisible();
  const cookies = await page.context().cookies();
  const names = cookies.map((cookie) => cookie.name).sort();
  expect(names).toEqual(['voxpop_refresh', 'voxpop_session']);
  expect(cookies.every((cookie) => cookie.httpOnly && cookie.sameSite === 'Lax')).toBe(true);
  expect(await page.evaluate(() => document.cookie)).toBe('');
});

test('a vote goes along when its voter signs in, and counts once', async ({ signIn, visit }) => {
  const { api: host } = await signIn();
  const { name } = await signIn();
  const room = await host.openRoom([LUNCH]);
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  await vote(phone, 'Thai');
  await phone.goto(`/login?next=/r/${room.code}`);
  await field(phone, 'User name').fill(name);
  await field(phone, 'Password').fill(PASSWORD);
  await press(phone, 'Sign in');
  await expect(phone).toHaveURL(`/r/${room.code}`);
  await live(phone);
  await expectChosen(phone, 'Thai');
  expect((await host.results(room.polls[0])).ballots).toBe(1);
  // Back to who the device was before: that guest has no vote any more, and gets none.
  await phone.goto('/account');
  await press(phone, 'Sign out');
  await openLive(phone, `/r/${room.code}`);
  await option(phone, 'Pizza').click();
  await told(phone, 'You cannot vote here like this. Sign in or use your ticket, and vote again.');
});

test('what people type runs nowhere', async ({ signIn, visit, mayComplain }) => {
  mayComplain(/status of (401|404|409|422)/);
  const nasty = `"'><img src=x onerror="window.pwned=1"><script>window.pwned=1</script></script></title></textarea>`;
  const { page, api } = await signIn();
  await api.send('PATCH', '/me', { display_name: nasty.slice(0, 60) });
  const poll = { ...LUNCH, question: nasty, options: [nasty, 'javascript:window.pwned=1'] };
  const room = await api.room(nasty, [poll], { voters: 'ticket' });
  await api.act(room.polls[0], 'open');
  const paths = [
    '/',
    '/rooms',
    `/rooms?q=${encodeURIComponent(nasty)}`,
    `/rooms/${room.code}/edit`,
    `/rooms/${room.code}/tickets`,
    `/r/${room.code}`,
    `/r/${room.code}?ticket=${encodeURIComponent(nasty)}`,
    `/r/${room.code}?#ticket=${encodeURIComponent(nasty)}`,
    `/r/${room.code}/host`,
    `/r/${room.code}/screen`,
    '/account',
    `/account?done=${encodeURIComponent(nasty)}`,
    `/join?code=${encodeURIComponent(nasty)}`,
    `/${encodeURIComponent(nasty)}`,
    '/api/docs',
  ];
  const stranger = await visit();
  for (const path of paths) {
    for (const visitor of [page, stranger]) {
      await visitor.goto(path);
      await visitor.waitForLoadState('networkidle');
      expect(await visitor.evaluate(() => 'pwned' in window), path).toBe(false);
    }
  }
  for (const path of ['/login', '/register']) {
    await stranger.goto(`${path}?next=${encodeURIComponent(nasty)}&invitation=${encodeURIComponent(nasty)}`);
    await field(stranger, 'User name').fill(nasty.slice(0, 32));
    await field(stranger, 'Password').fill(nasty);
    await stranger.getByRole('main').getByRole('button').first().click();
    await expect(stranger.getByRole('alert')).toContainText(/./);
    expect(await stranger.evaluate(() => 'pwned' in window), path).toBe(false);
  }
});
