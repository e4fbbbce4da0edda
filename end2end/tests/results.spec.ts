import type { Page } from '@playwright/test';
import { LUNCH } from '../support/api';
import { expectBars, expectNoBars, live, openLive, vote } from '../support/room';
import { expect, test } from '../support/test';

/** Everything that a page is sent: documents, answers to its requests, socket frames. */
function overhear(page: Page): { all: () => Promise<string[]>; frames: string[] } {
  const bodies: Promise<string>[] = [];
  const frames: string[] = [];
  page.on('response', (response) => {
    const path = new URL(response.url()).pathname;
    if (path.startsWith('/r/') || path.startsWith('/fn/')) bodies.push(response.text().catch(() => ''));
  });
  page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => frames.push(String(payload))));
  return { frames, all: async () => [...(await Promise.all(bodies)), ...frames] };
}

test('hidden results reach no voter: not in a page, not over the socket, not by the API', async ({ signIn, visit }) => {
  const { page: host, api } = await signIn();
  const room = await api.openRoom([LUNCH], { results: 'host_only' });
  const [poll] = room.polls;
  await api.crowd(poll, { option: 1 }, 6);
  const hosts = overhear(host);
  await openLive(host, `/r/${room.code}/host`);

  const [phone, screen] = [await visit({ phone: true }), await visit()];
  const heard = [overhear(phone), overhear(screen)];
  await openLive(phone, `/r/${room.code}`);
  await openLive(screen, `/r/${room.code}/screen`);
  await vote(phone, 'Thai');
  for (const page of [phone, screen]) {
    await expect(page.locator('.votes')).toHaveText('7 votes');
    await expect(page.getByText('Results are shown when the host reveals them.')).toBeVisible();
    await expectNoBars(page);
  }
  await api.act(poll, 'close');
  for (const page of [phone, screen]) {
    await expect(page.locator('.poll-state .chip')).toHaveText('Closed');
    await page.reload();
    await live(page);
    await expectNoBars(page);
  }
  // The API, as the page itself might ask it: with the voter's own cookie.
  const answers: string[] = [];
  for (const path of [`/rooms/${room.code}`, `/polls/${poll.id}/results`]) {
    const answer = await phone.request.get(`/api/v1${path}`);
    if (path.endsWith('/results')) expect(answer.status()).toBe(403);
    answers.push(await answer.text());
  }
  const receipt = await phone.request.post(`/api/v1/polls/${poll.id}/votes`, { data: { choice: { option: 2 } } });
  answers.push(await receipt.text(), await phone.request.get(`/r/${room.code}`).then((page) => page.text()));
  for (const each of heard) answers.push(...(await each.all()));

  await expectBars(host, { Thai: 1, Pizza: 6, 'Salad bar': 0 });
  expect((await hosts.all()).join(), 'the host is sent them').toMatch(/\bmarks\b/);
  expect(heard.every(({ frames }) => frames.some((frame) => frame.includes('"tally"')))).toBe(true);
  for (const answer of answers) expect(answer).not.toMatch(/\bmarks\b|\bdistinct\b/);
});

test('results that wait for the close appear with it', async ({ signIn, visit }) => {
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH], { results: 'after_close' });
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  await vote(phone, 'Thai');
  await expect(phone.getByText('Results are shown after the close.')).toBeVisible();
  await expectNoBars(phone);
  await api.act(room.polls[0], 'close');
  await expectBars(phone, { Thai: 1, Pizza: 0, 'Salad bar': 0 });
});

test('results for all are there before one votes', async ({ signIn, visit }) => {
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH], { results: 'always' });
  await api.crowd(room.polls[0], { option: 2 }, 3);
  const phone = await visit({ phone: true, javaScriptEnabled: false });
  await phone.goto(`/r/${room.code}`);
  await expectBars(phone, { Thai: 0, Pizza: 0, 'Salad bar': 3 });
});

test('what the host reveals and hides, phones and an open screen show and forget', async ({ signIn, visit }) => {
  const { page: hostScreen, api } = await signIn();
  const room = await api.openRoom([LUNCH], { results: 'host_only' });
  const [poll] = room.polls;
  await api.crowd(poll, { option: 1 }, 2);
  const [phone, screen] = [await visit({ phone: true }), await visit()];
  await openLive(phone, `/r/${room.code}`);
  for (const page of [screen, hostScreen]) await openLive(page, `/r/${room.code}/screen`);
  const all = [phone, screen, hostScreen];
  for (const page of all) await expectNoBars(page);
  await api.act(poll, 'reveal');
  for (const page of all) await expectBars(page, { Thai: 0, Pizza: 2, 'Salad bar': 0 });
  await api.act(poll, 'hide');
  for (const page of all) await expectNoBars(page);
});

test('a screen that nobody signed in says why it shows no results', async ({ signIn, visit }) => {
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH]);
  const screen = await visit();
  await openLive(screen, `/r/${room.code}/screen`);
  await expectNoBars(screen);
  await expect(screen.getByText(/^Results are shown/)).toBeVisible({ timeout: 2_000 });
});
