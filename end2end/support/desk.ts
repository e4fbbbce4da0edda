// The host's controls.

import type { Locator, Page } from '@playwright/test';

const DOUBLE_CLICK_MS = 400;
const last = new WeakMap<Page, number>();

/**
 * Presses one of the host's buttons. The page takes two clicks within 400 ms for a double click, and a test is
 * faster than a hand: it waits until the second one is a command of its own.
 */
export async function press(page: Page, button: string | Locator): Promise<void> {
  await page.waitForFunction((until) => Date.now() > until, (last.get(page) ?? 0) + DOUBLE_CLICK_MS);
  const named = typeof button === 'string' ? page.getByRole('button', { name: button, exact: true }) : button;
  await named.click();
  last.set(page, Date.now());
}
