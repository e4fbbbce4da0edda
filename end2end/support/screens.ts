// Every screen there is, in a state worth looking at.

import type { Page } from '@playwright/test';
import { Api, LUNCH, multiple, rating, single } from './api';

export interface Screen {
  name: string;
  /** Brings a page there. */
  open: (page: Page) => Promise<unknown>;
  /** Whether it is a room's page, with a connection. */
  live?: boolean;
}

/** The screens, for an account with rooms. A visitor with this account's cookies sees all of them. */
export async function screens(api: Api): Promise<Screen[]> {
  const room = await api.room('Team day', [
    LUNCH,
    multiple('Which days suit you for the offsite?', 1, 3, 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday'),
    rating('How was the morning?', 10),
    single('A question that is long enough to need two lines on a phone and perhaps on a big screen too?', 'Yes', 'No'),
  ]);
  const [lunch, days, morning] = room.polls;
  await api.act(lunch, 'open');
  await Promise.all([
    api.crowd(lunch, { option: 0 }, 13),
    api.crowd(lunch, { option: 1 }, 8),
    api.crowd(lunch, { option: 2 }, 4),
  ]);
  const at = (path: string) => (page: Page) => page.goto(path);
  const show = (poll: { id: string }, path: string) => async (page: Page) => {
    await api.call('PUT', `/rooms/${room.code}/current`, { poll: poll.id });
    await page.goto(path);
  };
  const waiting = await api.room('Nothing yet', []);
  const board = await api.openRoom([single('Shall we adopt the budget?', 'Yes', 'No', 'Abstain')], { voters: 'ticket' });
  await api.post(`/rooms/${board.code}/tickets`, { count: 8 });
  for (const poll of [days, morning]) await api.act(poll, 'open');
  await api.crowd(days, { options: [0, 2] }, 5);
  await api.crowd(days, { options: [2, 4] }, 4);
  await api.crowd(morning, { rating: 8 }, 6);
  await api.crowd(morning, { rating: 4 }, 2);
  await api.vote(morning, { rating: 9 });
  await api.act(morning, 'close');
  return [
    { name: 'front', open: at('/') },
    { name: 'join-wrong-code', open: at('/join?code=ZZZZZZ') },
    { name: 'rooms', open: at('/rooms') },
    { name: 'rooms-none-found', open: at('/rooms?q=nowhere') },
    { name: 'editor', open: at(`/rooms/${room.code}/edit`) },
    { name: 'editor-empty', open: at(`/rooms/${waiting.code}/edit`) },
    { name: 'account', open: at('/account') },
    {
      name: 'account-delete',
      open: async (page) => {
        await page.goto('/account');
        await page.locator('summary', { hasText: 'Delete my account' }).click();
        await page.getByLabel('Type your user name').fill('somebody');
        await page.getByRole('button', { name: 'Delete my account' }).click();
        await page.getByText('is not your user name').waitFor();
      },
    },
    { name: 'tickets', open: at(`/rooms/${board.code}/tickets`) },
    { name: 'vote-ticket', open: at(`/r/${board.code}`), live: true },
    { name: 'waiting', open: at(`/r/${waiting.code}`), live: true },
    { name: 'vote', open: show(lunch, `/r/${room.code}`), live: true },
    { name: 'vote-several', open: show(days, `/r/${room.code}`), live: true },
    { name: 'vote-rating-closed', open: show(morning, `/r/${room.code}`), live: true },
    { name: 'host', open: show(lunch, `/r/${room.code}/host`), live: true },
    { name: 'host-empty', open: at(`/r/${waiting.code}/host`), live: true },
    { name: 'screen', open: show(lunch, `/r/${room.code}/screen`), live: true },
    { name: 'screen-dense', open: show(morning, `/r/${room.code}/screen`), live: true },
    { name: 'screen-waiting', open: at(`/r/${waiting.code}/screen`), live: true },
    { name: 'no-such-room', open: at('/r/ZZZZZZ') },
    { name: 'no-such-page', open: at('/nowhere') },
  ];
}

/** Those that only somebody who is not signed in sees. */
export async function strangersScreens(api: Api): Promise<Screen[]> {
  const known = await api.openRoom([LUNCH], { voters: 'account', results: 'always' });
  const board = await api.openRoom([LUNCH], { voters: 'ticket' });
  return [
    { name: 'vote-account', open: (page) => page.goto(`/r/${known.code}`), live: true },
    {
      name: 'vote-ticket-refused',
      open: async (page) => {
        await page.goto(`/r/${board.code}?ticket=2222222222`);
        await page.getByRole('button', { name: 'Use my ticket' }).click();
        await page.getByText("is none of this room's").waitFor();
      },
    },
    { name: 'guest', open: (page) => page.goto('/account') },
    { name: 'login', open: (page) => page.goto('/login') },
    {
      name: 'login-refused',
      open: async (page) => {
        await page.goto('/login');
        await page.getByRole('textbox', { name: 'User name' }).fill('ada');
        await page.getByLabel('Password').fill('not the password');
        await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
        await page.getByText('is not right').waitFor();
      },
    },
    {
      name: 'register-refused',
      open: async (page) => {
        await page.goto('/register');
        await page.getByRole('textbox', { name: 'User name' }).fill('Ada Lovelace!');
        await page.getByLabel('Password').fill('short');
        await page.getByRole('main').getByRole('button', { name: 'Create an account' }).click();
        await page.getByText('Please look at the marked fields again.').waitFor();
      },
    },
    { name: 'register', open: (page) => page.goto('/register') },
    {
      name: 'account-step',
      open: async (page) => {
        await page.goto('/');
        await page.getByRole('textbox', { name: 'Question' }).fill(LUNCH.question);
        await page.getByRole('textbox', { name: 'Options' }).fill('Thai\nPizza\nSalad bar');
        await page.getByRole('button', { name: 'Start the poll' }).click();
        await page.waitForURL('**/start');
      },
    },
  ];
}
