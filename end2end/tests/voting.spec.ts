import type { Page } from '@playwright/test';
import { LUNCH, multiple, rating } from '../support/api';
import {
  expectBars,
  expectChosen,
  expectNoBars,
  join,
  live,
  openLive,
  option,
  told,
  vote,
  votePlainly,
} from '../support/room';
import { expect, test } from '../support/test';

test('host, screen, phones and a plain form agree on every vote', async ({ signIn, visit }) => {
  const { page: host, api } = await signIn();
  const room = await api.room('Team day', [LUNCH]);
  await openLive(host, `/r/${room.code}/host`);
  const screen = await host.context().newPage();
  await openLive(screen, `/r/${room.code}/screen`);
  await host.getByRole('button', { name: 'Open', exact: true }).click();
  await expect(screen.getByRole('heading', { name: LUNCH.question })).toBeVisible();

  const phones = [await visit({ phone: true }), await visit({ phone: true })];
  for (const phone of phones) {
    await join(phone, room.code);
    await live(phone);
    await expectNoBars(phone);
  }
  const plain = await visit({ phone: true, javaScriptEnabled: false });
  await join(plain, room.code);

  await vote(phones[0], 'Thai');
  await expectBars(phones[0], { Thai: 1, Pizza: 0, 'Salad bar': 0 });
  await votePlainly(plain, 'Pizza');
  await expectBars(plain, { Thai: 1, Pizza: 1, 'Salad bar': 0 });
  await vote(phones[1], 'Thai');
  for (const page of [host, screen, ...phones]) await expectBars(page, { Thai: 2, Pizza: 1, 'Salad bar': 0 });
  await plain.reload();
  await expectBars(plain, { Thai: 2, Pizza: 1, 'Salad bar': 0 });
  await expectChosen(plain, 'Pizza');
  await expect(host.locator('.people')).toHaveText('2 people here');
});

test("a tap on one phone moves the other's bar", async ({ signIn, visit }) => {
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH]);
  const [left, right] = [await visit({ phone: true }), await visit({ phone: true })];
  for (const phone of [left, right]) {
    await openLive(phone, `/r/${room.code}`);
    await phone.evaluate(() => Object.assign(window, { loadedOnce: true }));
  }
  await option(left, 'Pizza').tap();
  await option(right, 'Thai').tap();
  for (const phone of [left, right]) await expectBars(phone, { Thai: 1, Pizza: 1, 'Salad bar': 0 });
  await option(right, 'Pizza').tap();
  for (const phone of [left, right]) {
    await expectBars(phone, { Thai: 0, Pizza: 2, 'Salad bar': 0 });
    expect(await phone.evaluate(() => 'loadedOnce' in window)).toBe(true);
  }
});

test('a late joiner sees the open question, and a reload shows what one has chosen', async ({ signIn, visit }) => {
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH]);
  await api.crowd(room.polls[0], { option: 1 }, 2);
  const late = await visit({ phone: true });
  await join(late, room.code);
  await expect(late.getByRole('heading', { name: LUNCH.question })).toBeVisible();
  await expect(late.locator('.poll-state')).toHaveText('Open2 votes');
  await live(late);
  await vote(late, 'Thai');
  await late.reload();
  await expectChosen(late, 'Thai');
  await told(late, 'You have voted. ✓');
  await expectBars(late, { Thai: 1, Pizza: 2, 'Salad bar': 0 });
  await live(late);
  await expectChosen(late, 'Thai');
});

for (const javaScriptEnabled of [true, false]) {
  const scripts = javaScriptEnabled ? 'with scripts' : 'without scripts';

  test(`a vote can be changed and taken back, ${scripts}`, async ({ signIn, visit }) => {
    const { api } = await signIn();
    const room = await api.openRoom([LUNCH]);
    const phone = await visit({ phone: true, javaScriptEnabled });
    await phone.goto(`/r/${room.code}`);
    if (javaScriptEnabled) await live(phone);
    await option(phone, 'Thai').click();
    await expectChosen(phone, 'Thai');
    await expectBars(phone, { Thai: 1, Pizza: 0, 'Salad bar': 0 });
    await option(phone, 'Pizza').click();
    await expectChosen(phone, 'Pizza');
    await expectBars(phone, { Thai: 0, Pizza: 1, 'Salad bar': 0 });
    await phone.getByRole('button', { name: 'Take my vote back' }).click();
    await expectChosen(phone);
    await expectNoBars(phone);
    expect(await api.results(room.polls[0])).toMatchObject({ ballots: 0 });
  });

  test(`several answers and a rating can be given, ${scripts}`, async ({ signIn, visit }) => {
    const { api } = await signIn();
    const room = await api.openRoom([multiple('Which days?', 1, 2, 'Monday', 'Tuesday', 'Friday'), rating('How was it?', 5)]);
    const phone = await visit({ phone: true, javaScriptEnabled });
    await phone.goto(`/r/${room.code}`);
    if (javaScriptEnabled) await live(phone);
    await phone.getByRole('checkbox', { name: 'Monday' }).check();
    await phone.getByRole('checkbox', { name: 'Friday' }).check();
    await phone.getByRole('button', { name: 'Vote', exact: true }).click();
    await expectBars(phone, { Monday: 1, Tuesday: 0, Friday: 1 }, 1);

    await api.act(room.polls[1], 'open');
    if (!javaScriptEnabled) await phone.reload();
    await expect(phone.getByRole('heading', { name: 'How was it?' })).toBeVisible();
    await option(phone, '4').click();
    await expectBars(phone, { 1: 0, 2: 0, 3: 0, 4: 1, 5: 0 });
    await expect(phone.getByText('Average 4.0')).toBeVisible();
    await expect(phone.getByRole('button', { name: '4 Your choice' })).toHaveAttribute('aria-pressed', 'true');
  });
}

test('too many answers are told before anything is sent, and stay ticked', async ({ signIn, visit }) => {
  const { api } = await signIn();
  const room = await api.openRoom([multiple('Which days?', 1, 2, 'Monday', 'Tuesday', 'Friday')]);
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  for (const day of ['Monday', 'Tuesday', 'Friday']) await phone.getByRole('checkbox', { name: day }).check();
  await phone.getByRole('button', { name: 'Vote', exact: true }).click();
  await told(phone, 'Choose 1 to 2.');
  await expect(phone.getByRole('checkbox', { checked: true })).toHaveCount(3);
  await phone.getByRole('checkbox', { name: 'Monday' }).uncheck();
  await phone.getByRole('button', { name: 'Vote', exact: true }).click();
  await told(phone, 'Counted ✓');
  await expectBars(phone, { Monday: 0, Tuesday: 1, Friday: 1 }, 1);
});

test("a half-filled ballot and the focus survive other people's votes", async ({ signIn, visit }) => {
  const { page: host, api } = await signIn();
  const room = await api.openRoom([multiple('Which days?', 1, 3, 'Monday', 'Tuesday', 'Friday')], { results: 'always' });
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  await phone.getByRole('checkbox', { name: 'Monday' }).check();
  await phone.getByRole('checkbox', { name: 'Friday' }).check();
  await expect(phone.getByRole('checkbox', { name: 'Friday' })).toBeFocused();

  await api.crowd(room.polls[0], { options: [1] }, 3);
  await expectBars(phone, { Monday: 0, Tuesday: 3, Friday: 0 }, 3);
  await openLive(host, `/r/${room.code}`);
  await api.call('PATCH', `/rooms/${room.code}`, { title: 'Renamed', settings: { results: 'host_only' } });
  await expect(phone.getByText('Renamed')).toBeVisible();
  await expectNoBars(phone);

  await expect(phone.getByRole('checkbox', { name: 'Friday' })).toBeFocused();
  await expect(phone.getByRole('checkbox', { name: 'Monday' })).toBeChecked();
  await expect(phone.getByRole('checkbox', { name: 'Tuesday' })).not.toBeChecked();
  await expect(phone.getByRole('checkbox', { name: 'Friday' })).toBeChecked();
});

test('nothing moves under a thumb when votes come in and results appear', async ({ signIn, visit }) => {
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH]);
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  const places = () => phone.locator('.option').evaluateAll((all) => all.map((each) => JSON.stringify(each.getBoundingClientRect())));
  const before = await places();
  await api.crowd(room.polls[0], { option: 1 }, 12);
  await expect(phone.locator('.votes')).toHaveText('12 votes');
  expect(await places()).toEqual(before);
  await vote(phone, 'Thai');
  await expectBars(phone, { Thai: 1, Pizza: 12, 'Salad bar': 0 });
  expect(await places()).toEqual(before);
  await api.act(room.polls[0], 'close');
  await expect(phone.locator('.poll-state .chip')).toHaveText('Closed');
  expect(await places()).toEqual(before);
});

test('where votes cannot be changed, the first one stands', async ({ signIn, visit, mayComplain }) => {
  mayComplain(/status of 422/);
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH], { change_vote: false });
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  await vote(phone, 'Thai');
  await expect(option(phone, 'Pizza')).toHaveAttribute('aria-disabled', 'true');
  await expect(phone.getByRole('button', { name: 'Take my vote back' })).toBeHidden();

  const plain = await visit({ javaScriptEnabled: false });
  await plain.goto(`/r/${room.code}`);
  await votePlainly(plain, 'Thai');
  await option(plain, 'Pizza').click({ force: true });
  await expect(plain.getByText(/^You have voted already/)).toBeVisible();
  await expectChosen(plain, 'Thai');
  await expectBars(plain, { Thai: 2, Pizza: 0, 'Salad bar': 0 });
});

test('a plain form that comes after the close is told so', async ({ signIn, visit, mayComplain }) => {
  mayComplain(/status of 422/);
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH]);
  const plain = await visit({ phone: true, javaScriptEnabled: false });
  await plain.goto(`/r/${room.code}`);
  await api.act(room.polls[0], 'close');
  await option(plain, 'Thai').click();
  await expect(plain.getByText('Voting closed before your vote arrived. It was not counted.')).toBeVisible();
  await expect(plain.locator('.poll-state')).toHaveText('Closed0 votes');
});

test('a room for accounts sends guests to sign in and back', async ({ signIn, visit }) => {
  const { api, name } = await signIn();
  const room = await api.openRoom([LUNCH], { voters: 'account' });
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  await expect(option(phone, 'Thai')).toBeHidden();
  await expect(phone.getByRole('link', { name: 'Create an account' })).toHaveAttribute('href', `/register?next=/r/${room.code}`);
  await phone.getByRole('link', { name: 'Sign in to vote' }).click();
  await phone.getByRole('textbox', { name: 'User name' }).fill(name);
  await phone.getByLabel('Password').fill('correct horse');
  await phone.getByRole('button', { name: 'Sign in' }).click();
  await expect(phone).toHaveURL(`/r/${room.code}`);
  await live(phone);
  await vote(phone, 'Thai');
  await expectBars(phone, { Thai: 1, Pizza: 0, 'Salad bar': 0 });
});

test('a wrong code says so and stays in the box', async ({ visit, mayComplain }) => {
  mayComplain(/status of 404/);
  const page = await visit({ phone: true });
  await page.goto('/');
  await page.getByLabel('Join code').fill('ZZZZZZ');
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await expect(page.getByText('There is no room with this code. Check it and try again.')).toBeVisible();
  await expect(page.getByLabel('Join code')).toHaveValue('ZZZZZZ');
});

test('people are counted as they come and go, screens are not', async ({ signIn, visit }) => {
  const { page: host, api } = await signIn();
  const room = await api.openRoom([LUNCH]);
  await openLive(host, `/r/${room.code}/host`);
  const people = (page: Page, words: string) => expect(page.locator('.people')).toHaveText(words);
  await people(host, '0 people here');
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  await people(host, '1 person here');
  const other = await visit({ phone: true });
  await openLive(other, `/r/${room.code}`);
  await people(host, '2 people here');
  await people(phone, '2 people here');
  await other.close();
  await people(host, '1 person here');
});
