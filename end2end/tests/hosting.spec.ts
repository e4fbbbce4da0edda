import { LUNCH, rating, single } from '../support/api';
import { press } from '../support/desk';
import { expectBars, expectChosen, expectNoBars, live, openLive, option, vote } from '../support/room';
import { expect, test } from '../support/test';

const TEA = single('Tea?', 'Yes', 'No');

test('a host takes a room through its questions, and phones follow by themselves', async ({ signIn, visit }) => {
  const { page: host, api } = await signIn();
  const room = await api.room('Team day', [LUNCH, TEA]);
  await openLive(host, `/r/${room.code}/host`);
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  await expect(phone.getByRole('heading', { name: 'Waiting for the next question' })).toBeVisible();
  const state = phone.locator('.poll-state .chip');

  await press(host, 'Open the next question');
  await expect(phone.getByRole('heading', { name: LUNCH.question })).toBeVisible();
  await vote(phone, 'Thai');
  await expectBars(host, { Thai: 1, Pizza: 0, 'Salad bar': 0 });

  await press(host, 'Hide results');
  await expectNoBars(phone);
  await expect(phone.getByText('Results are shown when the host reveals them.')).toBeVisible();
  await expectBars(host, { Thai: 1, Pizza: 0, 'Salad bar': 0 });
  await press(host, 'Reveal results');
  await expectBars(phone, { Thai: 1, Pizza: 0, 'Salad bar': 0 });

  await press(host, 'Close voting');
  await expect(state).toHaveText('Closed');
  await expect(option(phone, 'Pizza')).toHaveAttribute('aria-disabled', 'true');
  await option(phone, 'Pizza').click({ force: true });
  await expectChosen(phone, 'Thai');
  await press(host, 'Open again');
  await expect(state).toHaveText('Open');
  await vote(phone, 'Pizza');
  await expectBars(host, { Thai: 0, Pizza: 1, 'Salad bar': 0 });

  await host.getByText('Reset', { exact: true }).click();
  await press(host, 'Delete the votes');
  await expect(phone.getByRole('heading', { name: 'Waiting for the next question' })).toBeVisible();
  await expect(host.locator('.stage .chip')).toHaveText('Draft');
  await expectNoBars(host);
  await press(host, 'Open voting');
  await expect(phone.getByRole('heading', { name: LUNCH.question })).toBeVisible();
  await expectChosen(phone);
  await vote(phone, 'Salad bar');
  await expectBars(host, { Thai: 0, Pizza: 0, 'Salad bar': 1 });

  await press(host, 'Open the next question');
  await expect(phone.getByRole('heading', { name: TEA.question })).toBeVisible();
  await vote(phone, 'No');
  await expectBars(host, { Yes: 0, No: 1 });
  await expect(host.getByText('Open the next question')).toBeHidden();

  const lunch = host.getByRole('listitem').filter({ hasText: LUNCH.question });
  await press(host, lunch.getByRole('button', { name: 'Show' }));
  await expect(phone.getByRole('heading', { name: LUNCH.question })).toBeVisible();
  await expectChosen(phone, 'Salad bar');
});

test('a question that starts over does not speak of the vote before', async ({ signIn, visit }) => {
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH]);
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  await vote(phone, 'Thai');
  await api.act(room.polls[0], 'reset');
  await expect(phone.getByRole('heading', { name: 'Waiting for the next question' })).toBeVisible();
  await api.act(room.polls[0], 'open');
  await expectChosen(phone);
  await expect(phone.locator('.vote-status')).toHaveText('', { timeout: 2_000 });
});

test('a host without scripts has the same controls', async ({ signIn, visit }) => {
  const { page: host, api } = await signIn({ javaScriptEnabled: false });
  const room = await api.room('Team day', [LUNCH, TEA]);
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  await host.goto(`/r/${room.code}/host`);
  const click = (name: string) => host.getByRole('button', { name, exact: true }).click();
  await click('Open the next question');
  await expect(phone.getByRole('heading', { name: LUNCH.question })).toBeVisible();
  await vote(phone, 'Thai');
  await host.reload();
  await expectBars(host, { Thai: 1, Pizza: 0, 'Salad bar': 0 });
  await click('Hide results');
  await expectNoBars(phone);
  await click('Close voting');
  await expect(phone.locator('.poll-state .chip')).toHaveText('Closed');
  await click('Reveal results');
  await expectBars(phone, { Thai: 1, Pizza: 0, 'Salad bar': 0 });
  await host.getByText('Reset', { exact: true }).click();
  await click('Delete the votes');
  await expect(host.locator('.stage .chip')).toHaveText('Draft');
  await expectNoBars(host);
  await click('Open the next question');
  await expect(phone.getByRole('heading', { name: TEA.question })).toBeVisible();
});

test('a countdown runs on every page and closes the question by itself', async ({ signIn, visit }) => {
  const { page: host, api } = await signIn();
  const room = await api.room('Team day', [LUNCH]);
  await openLive(host, `/r/${room.code}/host`);
  const [phone, screen] = [await visit({ phone: true }), await visit()];
  await openLive(phone, `/r/${room.code}`);
  await openLive(screen, `/r/${room.code}/screen`);
  const all = [host, phone, screen];
  await api.act(room.polls[0], 'open', { duration_secs: 4 });
  for (const page of all) await expect(page.locator('.poll-state .chip')).toHaveText(/^Closes in 0:0[1-4]$/);
  await vote(phone, 'Thai');
  for (const page of all) await expect(page.locator('.poll-state .chip')).toHaveText('Closed');
  await expect(option(phone, 'Pizza')).toHaveAttribute('aria-disabled', 'true');
  await expectBars(screen, { Thai: 1, Pizza: 0, 'Salad bar': 0 });

  await host.getByLabel('Countdown').selectOption('1 minute');
  await press(host, 'Open again');
  for (const page of all) await expect(page.locator('.poll-state .chip')).toHaveText(/^Closes in (1:00|0:5\d)$/);
});

test("a countdown goes by the server's clock, not by the phone's", async ({ signIn, visit }) => {
  const { api } = await signIn();
  const room = await api.room('Team day', [LUNCH]);
  const phone = await visit({ phone: true });
  await phone.clock.install({ time: Date.now() + 3_600_000 });
  await openLive(phone, `/r/${room.code}`);
  await api.act(room.polls[0], 'open', { duration_secs: 60 });
  await expect(phone.locator('.poll-state .chip')).toHaveText(/^Closes in (1:00|0:5\d)$/);
  await phone.reload();
  await live(phone);
  await expect(phone.locator('.poll-state .chip')).toHaveText(/^Closes in (1:00|0:[45]\d)$/);
});

test('the big screen is driven by keys, and shows no question before its time', async ({ signIn }) => {
  const { page: screen, api } = await signIn();
  const room = await api.room('Team day', [LUNCH, TEA]);
  await openLive(screen, `/r/${room.code}/screen`);
  await expect(screen.getByRole('heading', { name: 'The next question is coming up' })).toBeVisible();
  await expect(screen.getByText(LUNCH.question)).toHaveCount(0);
  await expect(screen.locator('.big-code')).toHaveText(room.code);
  await expect(screen.getByRole('img', { name: 'QR code of the join link' })).toHaveJSProperty('complete', true);

  await screen.keyboard.press('Space');
  await expect(screen.getByRole('heading', { name: LUNCH.question })).toBeVisible();
  await api.crowd(room.polls[0], { option: 0 }, 2);
  await expectBars(screen, { Thai: 2, Pizza: 0, 'Salad bar': 0 });
  await screen.waitForFunction((from) => Date.now() > from + 500, Date.now());
  await screen.keyboard.press('r');
  await expectNoBars(screen);
  await screen.waitForFunction((from) => Date.now() > from + 500, Date.now());
  await screen.keyboard.press('r');
  await expectBars(screen, { Thai: 2, Pizza: 0, 'Salad bar': 0 });
  await screen.keyboard.press('f');
  await expect.poll(() => screen.evaluate(() => document.fullscreenElement !== null)).toBe(true);
});

test('ten rows fit on a big screen without scrolling', async ({ signIn }) => {
  const { page: screen, api } = await signIn();
  const room = await api.openRoom([rating('How was the morning?', 10)]);
  await openLive(screen, `/r/${room.code}/screen`);
  expect(await screen.evaluate(() => document.documentElement.scrollHeight - innerHeight)).toBe(0);
});

test('a deleted room says goodbye to everybody in it', async ({ signIn, visit }) => {
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH]);
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  await api.call('DELETE', `/rooms/${room.code}`);
  await expect(phone.getByText('This room has been deleted by its host.')).toBeVisible();
});

test("another account's controls are shown to nobody else", async ({ signIn, mayComplain }) => {
  mayComplain(/status of 403/);
  const { api } = await signIn();
  const room = await api.room('Team day', [LUNCH]);
  const { page: stranger } = await signIn();
  for (const path of [`/r/${room.code}/host`, `/rooms/${room.code}/edit`]) {
    const answer = await stranger.goto(path);
    expect(answer?.status()).toBe(403);
    await expect(stranger.getByRole('heading', { name: 'Only for the host' })).toBeVisible();
    expect(await stranger.content()).not.toContain(LUNCH.question);
  }
});
