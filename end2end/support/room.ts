// A room's pages as people use and read them.

import { expect, type Locator, type Page } from '@playwright/test';

/** Enters a room by its code on the front page. */
export async function join(page: Page, code: string): Promise<void> {
  await page.goto('/');
  await page.getByLabel('Join code').fill(code);
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await page.waitForURL(`**/r/${code}`);
}

/** Waits until a room's page is connected. */
export const live = (page: Page): Promise<void> => connection(page, 'Live');

/** Waits until a room's page says this of its connection. */
export async function connection(page: Page, words: string): Promise<void> {
  await expect(page.locator('.connection [role=status]')).toHaveText(words);
}

/** Opens a page of a room and waits until it is connected. */
export async function openLive(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await live(page);
}

/** Waits until a script listens to a form. */
export async function hearing(form: Locator): Promise<void> {
  await expect.poll(() => form.evaluate((form) => 'heard' in form)).toBe(true);
}

/** An option's button. */
export function option(page: Page, label: string): Locator {
  return page.locator('.ballot').getByRole('button', { name: new RegExp(`^${label}( Your choice)?$`) });
}

/** Waits until a vote's fate is told in these words. */
export async function told(page: Page, words: string): Promise<void> {
  await expect(page.locator('.vote-status')).toHaveText(words);
}

/** Notes what an element says from now on, each wording once it changes, however short it stands. */
export async function wordings(element: Locator): Promise<() => Promise<string[]>> {
  const all = await element.evaluateHandle((element) => {
    const text = () => element.textContent?.trim() ?? '';
    const all = [text()];
    const note = () => void (all.at(-1) === text() || all.push(text()));
    new MutationObserver(note).observe(element, { childList: true, characterData: true, subtree: true });
    return all;
  });
  return () => all.jsonValue();
}

/** Votes with one tap and waits until it is counted. */
export async function vote(page: Page, label: string): Promise<void> {
  await option(page, label).click();
  await told(page, 'Counted ✓');
}

/** Votes by the plain form of a browser without scripts. */
export async function votePlainly(page: Page, label: string): Promise<void> {
  await option(page, label).click();
  await told(page, 'You have voted. ✓');
}

interface Row {
  label: string;
  count: string;
  share: string;
  /** What the table for screen readers says. */
  spoken: string;
  width: string;
}

/** Waits until bars, figures and the table for screen readers all show these counts. */
export async function expectBars(page: Page, counts: Record<string, number>, people = sum(counts)): Promise<void> {
  const rows = Object.entries(counts).map(([label, count]): Row => {
    const thousandths = people === 0 ? 0 : Math.floor((count * 2_000 + people) / (people * 2));
    const share = `${people === 0 ? 0 : Math.floor((count * 200 + people) / (people * 2))}%`;
    const width = `${Math.floor(thousandths / 10)}.${thousandths % 10}%`;
    return { label, count: `${count}`, share, spoken: `${count} ${share}`, width };
  });
  await expect.poll(() => bars(page)).toEqual(rows);
  await expect(page.locator('.poll-state .votes')).toHaveText(`${people} ${people === 1 ? 'vote' : 'votes'}`);
}

/** Waits until the page shows no results at all. */
export async function expectNoBars(page: Page): Promise<void> {
  const nothing = (row: Row) => row.count + row.share + row.spoken.trim() === '' && row.width === '0.0%';
  const none = (rows: Row[]) => rows.length > 0 && rows.every(nothing);
  await expect.poll(async () => none(await bars(page))).toBe(true);
}

/** Who has chosen what, as the page shows it: the options marked as one's own. */
export async function expectChosen(page: Page, ...labels: string[]): Promise<void> {
  const chosen = page.locator('.option .chosen, .option :has(> input:checked)');
  await expect(chosen.locator('.option-label')).toHaveText(labels.map((label) => new RegExp(`^${label}`)));
}

function bars(page: Page): Promise<Row[]> {
  return page.evaluate(() => {
    const text = (root: Element | undefined, selector: string) => root?.querySelector(selector)?.textContent?.trim() ?? '';
    const drawn = [...document.querySelectorAll('.bar-row, .ballot:not(.rating) .option')];
    return [...document.querySelectorAll('table tbody tr')].map((row, at) => ({
      label: text(row, 'th'),
      count: text(drawn[at], '.count'),
      share: text(drawn[at], '.share'),
      spoken: [...row.querySelectorAll('td')].map((cell) => cell.textContent).join(' '),
      width: drawn[at]?.querySelector('.bar-fill')?.getAttribute('width') ?? '',
    }));
  });
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((all, count) => all + count, 0);
}
