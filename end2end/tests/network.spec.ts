import { Api, LUNCH } from '../support/api';
import { connection, expectBars, expectChosen, live, openLive, option, told, vote } from '../support/room';
import { expect, test } from '../support/test';

const LOST = /WebSocket connection to .* failed|net::ERR_/;

test('a vote cast offline is kept, sent on return, and counted once', async ({ signIn, visit, mayComplain }) => {
  mayComplain(LOST);
  const { page: host, api } = await signIn();
  const room = await api.openRoom([LUNCH]);
  await openLive(host, `/r/${room.code}/host`);
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);

  await phone.context().setOffline(true);
  await connection(phone, 'Offline');
  await option(phone, 'Thai').tap();
  await told(phone, 'Offline. Your vote is kept and will be sent.');
  await option(phone, 'Pizza').tap();
  await expectChosen(phone, 'Pizza');
  expect(await api.results(room.polls[0])).toMatchObject({ ballots: 0 });

  await phone.context().setOffline(false);
  await told(phone, 'Counted ✓');
  await live(phone);
  for (const page of [host, phone]) await expectBars(page, { Thai: 0, Pizza: 1, 'Salad bar': 0 });
});

test('a vote cast offline survives the page being closed', async ({ signIn, visit, mayComplain }) => {
  mayComplain(LOST);
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH]);
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  await phone.context().setOffline(true);
  await option(phone, 'Thai').tap();
  await told(phone, 'Offline. Your vote is kept and will be sent.');
  await phone.close();

  await phone.context().setOffline(false);
  const again = await phone.context().newPage();
  await openLive(again, `/r/${room.code}`);
  await told(again, 'Counted ✓');
  await expectChosen(again, 'Thai');
  await expectBars(again, { Thai: 1, Pizza: 0, 'Salad bar': 0 });
});

test('a vote whose receipt is lost is sent again and counted once', async ({ signIn, visit, mayComplain }) => {
  mayComplain(LOST);
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH]);
  const phone = await visit({ phone: true });
  const sent: string[] = [];
  // The first connection breaks just as the server has answered the vote.
  await phone.routeWebSocket('**/ws', (page) => {
    const server = page.connectToServer();
    page.onMessage((message) => {
      if (String(message).includes('"vote"')) sent.push(String(message));
      server.send(message);
    });
    server.onMessage((message) => {
      if (String(message).includes('"receipt"') && sent.length === 1) void page.close({ code: 1001, reason: 'lost' });
      else page.send(message);
    });
  });
  await openLive(phone, `/r/${room.code}`);
  await option(phone, 'Thai').tap();
  await told(phone, 'Counted ✓');
  expect(sent.length).toBeGreaterThanOrEqual(2);
  expect(new Set(sent).size, 'the same ballot each time').toBe(1);
  await expectBars(phone, { Thai: 1, Pizza: 0, 'Salad bar': 0 });
});

for (const [how, signal] of [
  ['crash', 'SIGKILL'],
  ['restart', 'SIGTERM'],
] as const) {
  test(`a ${how} of the server is told, and loses and doubles no vote`, async ({ ownServer, visit, mayComplain }) => {
    mayComplain(LOST, /status of 503/);
    const api = await Api.register(ownServer.url);
    const room = await api.openRoom([LUNCH], { results: 'always' });
    const screen = await visit({ baseURL: ownServer.url });
    await openLive(screen, `/r/${room.code}/screen`);
    const [before, during] = [
      await visit({ baseURL: ownServer.url, phone: true }),
      await visit({ baseURL: ownServer.url, phone: true }),
    ];
    for (const phone of [before, during]) await openLive(phone, `/r/${room.code}`);
    await vote(before, 'Thai');

    await ownServer.stop(signal);
    for (const page of [screen, before, during]) await connection(page, 'Reconnecting');
    await option(during, 'Pizza').tap();
    await told(during, 'Not connected. Your vote is kept and will be sent.');

    await ownServer.start();
    for (const page of [screen, before, during]) await live(page);
    await told(during, 'Counted ✓');
    for (const page of [screen, before, during]) await expectBars(page, { Thai: 1, Pizza: 1, 'Salad bar': 0 });
    await before.reload();
    await expectChosen(before, 'Thai');
    expect(await api.results(room.polls[0])).toMatchObject({ ballots: 2, marks: { 0: 1, 1: 1 } });
  });
}
