import { resolve } from 'node:path';
import { LUNCH } from '../support/api';
import { live } from '../support/room';
import { screens, strangersScreens } from '../support/screens';
import { OwnServer, root } from '../support/server';
import { test } from '../support/test';

const PLACES = {
  phone: { phone: true },
  desktop: { viewport: { width: 1280, height: 800 } },
};

for (const [place, size] of Object.entries(PLACES)) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`${place}, ${colorScheme}`, async ({ signIn, visit, mayComplain }) => {
      mayComplain(/./);
      const options = { ...size, colorScheme, reducedMotion: 'reduce' as const };
      const { page, api } = await signIn(options);
      const stranger = await visit(options);
      for (const [visitor, all] of [[page, await screens(api)], [stranger, await strangersScreens(api)]] as const) {
        for (const screen of all) {
          await screen.open(visitor);
          if (screen.live) await live(visitor);
          const path = resolve(root, `end2end/screenshots/${screen.name}-${place}-${colorScheme}.png`);
          await visitor.screenshot({ path, fullPage: true });
        }
      }
    });
  }
}

test('the picture in the documentation', async ({ signIn, visit }) => {
  const server = await OwnServer.start({ PUBLIC_URL: 'http://vote.example' });
  const options = { viewport: { width: 1280, height: 800 }, colorScheme: 'light' as const, baseURL: server.url };
  const { page, api } = await signIn(options);
  const room = await api.openRoom([LUNCH]);
  await page.goto(`/r/${room.code}/screen`);
  await live(page);
  for (const [option, people] of [[0, 21], [1, 14], [2, 7]]) await api.crowd(room.polls[0], { option }, people);
  const phones = await Promise.all(Array.from({ length: 4 }, () => visit({ phone: true, baseURL: server.url })));
  for (const phone of phones) {
    await phone.goto(`/r/${room.code}`);
    await live(phone);
  }
  await page.getByText('42 votes', { exact: true }).waitFor();
  await page.getByText('4 people here').waitFor();
  await page.locator('.bar-fill').evaluateAll((bars) => Promise.all(bars.flatMap((bar) => bar.getAnimations().map((moving) => moving.finished))));
  await page.screenshot({ path: resolve(root, 'docs/images/screen.png') });
  await server.remove();
});
