import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { LUNCH, multiple } from '../support/api';
import { expectBars, expectChosen, live, openLive, option, told } from '../support/room';
import { screens, strangersScreens, type Screen } from '../support/screens';
import { expect, test } from '../support/test';

const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const REFUSED = /status of (401|404|422)/;

async function violations(page: Page, rules: (axe: AxeBuilder) => AxeBuilder): Promise<string[]> {
  const { violations } = await rules(new AxeBuilder({ page })).analyze();
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return grave.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
}

async function go(page: Page, screen: Screen): Promise<void> {
  await screen.open(page);
  // What was looked for may be there before the style is.
  await page.waitForLoadState('load');
  if (screen.live) await live(page);
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`every screen can be used by everybody, ${colorScheme}`, async ({ signIn, visit, mayComplain }) => {
    test.setTimeout(120_000);
    mayComplain(REFUSED);
    // In the dark it is only colours that differ.
    const rules = (axe: AxeBuilder) => (colorScheme === 'light' ? axe.withTags(WCAG) : axe.withRules('color-contrast'));
    const options = { colorScheme, reducedMotion: 'reduce' as const };
    const { page, api } = await signIn(options);
    const stranger = await visit(options);
    for (const screen of await screens(api)) {
      await go(page, screen);
      expect.soft(await violations(page, rules), screen.name).toEqual([]);
    }
    for (const screen of await strangersScreens(api)) {
      await go(stranger, screen);
      expect.soft(await violations(stranger, rules), screen.name).toEqual([]);
    }
  });
}

test('nothing is wider than a phone of 320 pixels', async ({ signIn, visit, mayComplain }) => {
  test.setTimeout(90_000);
  mayComplain(REFUSED);
  const options = { viewport: { width: 320, height: 568 }, phone: true };
  const { page, api } = await signIn(options);
  const stranger = await visit(options);
  const tooWide = (page: Page) =>
    page.evaluate(() => {
      const wide = document.documentElement.clientWidth;
      const over = [...document.body.querySelectorAll('*')].filter((each) => each.getBoundingClientRect().right > wide + 0.5);
      const shown = over.filter((each) => !each.closest('.unseen, .skip'));
      return document.documentElement.scrollWidth > wide ? ['the page scrolls', ...shown.map((each) => each.outerHTML.slice(0, 120))] : [];
    });
  for (const [visitor, all] of [[page, await screens(api)], [stranger, await strangersScreens(api)]] as const) {
    for (const screen of all) {
      await go(visitor, screen);
      expect.soft(await tooWide(visitor), screen.name).toEqual([]);
    }
  }
});

test('what is touched is at least 48 pixels high on a phone', async ({ signIn }) => {
  const { page, api } = await signIn({ phone: true });
  for (const screen of (await screens(api)).filter(({ name }) => /^(front|vote|host)/.test(name))) {
    await go(page, screen);
    const small = await page.locator('main :is(button, select, summary, .option > *)').evaluateAll((all) =>
      all
        .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 47.5)
        .map((each) => each.outerHTML.slice(0, 160)),
    );
    expect.soft(small, screen.name).toEqual([]);
  }
});

test('one can join and vote by keyboard alone', async ({ signIn, visit }) => {
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH]);
  const page = await visit();
  await page.goto('/');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeInViewport();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await expect(page.getByLabel('Join code')).toBeFocused();
  await page.keyboard.type(room.code);
  await page.keyboard.press('Enter');
  await page.waitForURL(`**/r/${room.code}`);
  await live(page);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(page.locator('#main')).toBeInViewport();
  await page.keyboard.press('Tab');
  await expect(option(page, 'Thai')).toBeFocused();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await told(page, 'Counted ✓');
  await expectChosen(page, 'Pizza');
  await expect(option(page, 'Pizza')).toBeFocused();
  await expectBars(page, { Thai: 0, Pizza: 1, 'Salad bar': 0 });
});

test('several answers can be ticked and sent by keyboard alone', async ({ signIn, visit }) => {
  const { api } = await signIn();
  const room = await api.openRoom([multiple('Which days?', 1, 2, 'Monday', 'Tuesday', 'Friday')]);
  const page = await visit();
  await openLive(page, `/r/${room.code}`);
  await page.getByRole('checkbox', { name: 'Monday' }).focus();
  await page.keyboard.press('Space');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await told(page, 'Counted ✓');
  await expectBars(page, { Monday: 1, Tuesday: 0, Friday: 1 }, 1);
});

test('what changes is spoken, and not more often than every five seconds', async ({ signIn, visit }) => {
  const { api } = await signIn();
  const room = await api.openRoom([LUNCH], { results: 'always' });
  const phone = await visit({ phone: true });
  await openLive(phone, `/r/${room.code}`);
  const voice = phone.locator('.poll [aria-live=polite]');
  await voice.evaluate((voice) => {
    const said: [number, string][] = [];
    Object.assign(window, { said });
    new MutationObserver(() => said.push([performance.now(), voice.textContent ?? ''])).observe(voice, {
      characterData: true,
      childList: true,
      subtree: true,
    });
  });
  await api.crowd(room.polls[0], { option: 0 }, 2);
  await expect(voice).toHaveText('2 votes. Thai: 2, 100%. Pizza: 0, 0%. Salad bar: 0, 0%');
  await api.crowd(room.polls[0], { option: 1 }, 2);
  await expect(voice).toHaveText('4 votes. Thai: 2, 50%. Pizza: 2, 50%. Salad bar: 0, 0%');
  const said = await phone.evaluate(() => (window as unknown as { said: [number, string][] }).said);
  const pauses = said.slice(1).map(([at], before) => at - said[before][0]);
  expect(Math.min(...pauses)).toBeGreaterThan(4_900);
});
