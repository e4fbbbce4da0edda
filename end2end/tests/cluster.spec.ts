// What many nodes do together: people on one see at once what happens on another, and nothing that breaks loses
// or doubles a vote.

import { Api, LUNCH } from '../support/api';
import { isCluster } from '../support/cluster';
import { press } from '../support/desk';
import { eventually } from '../support/eventually';
import { expectBars, expectChosen, expectNoBars, openLive, option, told, vote, wordings } from '../support/room';
import { expect, test } from '../support/test';

test.skip(!isCluster, 'It needs many nodes: VOXPOP_E2E_WAY=cluster.');

const LOST = /WebSocket connection to .* failed|net::ERR_|status of 503/;

test('a tap at one node moves the bars at the other', async ({ cluster, signIn, visit }) => {
  const [one, other] = cluster.nodes;
  const { page: host, api } = await signIn({ baseURL: one.url });
  const room = await api.openRoom([LUNCH]);
  const screen = await host.context().newPage();
  await openLive(host, `/r/${room.code}/host`);
  await openLive(screen, `/r/${room.code}/screen`);
  const [here, there] = [
    await visit({ phone: true, baseURL: one.url }),
    await visit({ phone: true, baseURL: other.url }),
  ];
  for (const phone of [here, there]) await openLive(phone, `/r/${room.code}`);
  const all = [host, screen, here, there];
  for (const page of all) await expect(page.locator('.people')).toHaveText('2 people here');

  const said = await wordings(there.locator('.vote-status'));
  await vote(there, 'Thai');
  for (const page of [host, screen]) await expectBars(page, { Thai: 1, Pizza: 0, 'Salad bar': 0 });
  // That it is recorded may be known before that it is counted.
  expect((await said()).join(', ')).toMatch(/^, (Sending…, )?(Received, )?Counted ✓$/);
  await vote(here, 'Pizza');
  for (const page of all) await expectBars(page, { Thai: 1, Pizza: 1, 'Salad bar': 0 });

  await here.close();
  for (const page of [host, screen, there]) await expect(page.locator('.people')).toHaveText('1 person here');
});

test('what a host does at one node, a phone at the other follows', async ({ cluster, signIn, visit }) => {
  const [one, other] = cluster.nodes;
  const { page: host, api } = await signIn({ baseURL: one.url });
  const room = await api.room('Team day', [LUNCH]);
  await openLive(host, `/r/${room.code}/host`);
  const phone = await visit({ phone: true, baseURL: other.url });
  await openLive(phone, `/r/${room.code}`);
  const waits = phone.getByRole('heading', { name: 'Waiting for the next question' });
  const state = phone.locator('.poll-state .chip');
  await expect(waits).toBeVisible();

  await press(host, 'Open the next question');
  await vote(phone, 'Thai');
  await press(host, 'Hide results');
  await expectNoBars(phone);
  await press(host, 'Close voting');
  await expect(state).toHaveText('Closed');
  await expect(option(phone, 'Pizza')).toHaveAttribute('aria-disabled', 'true');
  await press(host, 'Reveal results');
  await expectBars(phone, { Thai: 1, Pizza: 0, 'Salad bar': 0 });
  await eventually('the result is final', async () => (await api.results(room.polls[0])).final);

  await host.getByText('Reset', { exact: true }).click();
  await press(host, 'Delete the votes');
  await expect(waits).toBeVisible();
  await press(host, 'Open voting');
  await expectChosen(phone);
  await vote(phone, 'Pizza');
  for (const page of [host, phone]) await expectBars(page, { Thai: 0, Pizza: 1, 'Salad bar': 0 });
});

test('a crash of the node that a phone votes at is told, and the vote counts once', async ({
  ownCluster,
  visit,
  mayComplain,
}) => {
  mayComplain(LOST);
  const { proxy } = ownCluster.all;
  const host = await Api.register(proxy);
  const room = await host.openRoom([LUNCH], { results: 'always' });
  const phone = await visit({ phone: true, baseURL: proxy });
  const votes: string[] = [];
  let crash = () => {};
  phone.on('websocket', (socket) =>
    socket.on('framesent', ({ payload }) => {
      if (!String(payload).includes('"vote"')) return;
      votes.push(String(payload));
      crash();
    }),
  );
  await openLive(phone, `/r/${room.code}`);
  const [dies, lives] = ownCluster.bySocket();
  const screen = await visit({ baseURL: lives.url });
  await openLive(screen, `/r/${room.code}/screen`);
  await expect(screen.locator('.people')).toHaveText('1 person here');
  const whoAmI = async () => (await phone.request.get('/api/v1/me')).json();
  const [me, said] = [await whoAmI(), await wordings(phone.locator('.connection [role=status]'))];

  crash = () => {
    if (votes.length === 1) process.kill(dies.pid, 'SIGKILL');
  };
  await option(phone, 'Thai').tap();
  await expect.poll(said).toEqual(['Live', 'Reconnecting', 'Live']);
  await told(phone, 'Counted ✓');
  await expectChosen(phone, 'Thai');
  for (const page of [phone, screen]) await expectBars(page, { Thai: 1, Pizza: 0, 'Salad bar': 0 });
  for (const page of [phone, screen]) await expect(page.locator('.people')).toHaveText('1 person here');
  expect(await whoAmI()).toEqual(me);
  expect(new Set(votes).size, 'the same ballot each time').toBe(1);

  const [poll] = room.polls;
  const asked = new Api(lives.url, host.token);
  await asked.act(poll, 'close');
  const final = async () => {
    const results = await asked.results(poll);
    return results.final ? results : undefined;
  };
  expect(await eventually('the result is final', final)).toMatchObject({ ballots: 1, marks: { 0: 1 } });
});

test('votes are counted while the database takes none, and pages say that they wait', async ({ ownCluster, visit }) => {
  const [one, other] = ownCluster.all.nodes;
  const api = await Api.register(one.url);
  const room = await api.openRoom([LUNCH], { results: 'always' });
  const screen = await visit({ baseURL: one.url });
  await openLive(screen, `/r/${room.code}/screen`);
  const phone = await visit({ phone: true, baseURL: other.url });
  await openLive(phone, `/r/${room.code}`);

  const release = await ownCluster.holdWrites();
  await option(phone, 'Thai').tap();
  await told(phone, 'Received');
  for (const page of [screen, phone]) {
    await expectBars(page, { Thai: 1, Pizza: 0, 'Salad bar': 0 });
    await expect(page.locator('.provisional')).toHaveText('Provisional: still being recorded.');
  }
  await release();
  await told(phone, 'Counted ✓');
  for (const page of [screen, phone]) await expect(page.locator('.provisional')).toBeHidden();
});

test('a Redis that forgets everything loses no vote', async ({ ownCluster, visit }) => {
  const [one, other] = ownCluster.all.nodes;
  const api = await Api.register(one.url);
  const room = await api.openRoom([LUNCH], { results: 'always' });
  const screen = await visit({ baseURL: one.url });
  await openLive(screen, `/r/${room.code}/screen`);
  const [before, during] = [
    await visit({ phone: true, baseURL: other.url }),
    await visit({ phone: true, baseURL: other.url }),
  ];
  for (const phone of [before, during]) await openLive(phone, `/r/${room.code}`);
  await vote(before, 'Thai');

  ownCluster.flushRedis();
  await vote(during, 'Pizza');
  for (const page of [screen, before, during]) await expectBars(page, { Thai: 1, Pizza: 1, 'Salad bar': 0 });
  await vote(before, 'Salad bar');
  await screen.reload();
  for (const page of [screen, before, during]) await expectBars(page, { Thai: 0, Pizza: 1, 'Salad bar': 1 });
});
