import type { Page } from '@playwright/test';
import { PASSWORD, freshName } from '../support/api';
import { expectBars, live } from '../support/room';
import { expect, test } from '../support/test';

const field = (page: Page, name: string) => page.getByRole('textbox', { name, exact: true });
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

async function ask(page: Page, question: string, options: string): Promise<void> {
  await page.goto('/');
  await field(page, 'Question').fill(question);
  await field(page, 'Options').fill(options);
  await button(page, 'Start the poll').click();
}

for (const javaScriptEnabled of [true, false]) {
  const scripts = javaScriptEnabled ? 'with scripts' : 'without scripts';

  test(`a question from the front page survives the account step, ${scripts}`, async ({ visit, mayComplain }) => {
    mayComplain(/status of 422/);
    const page = await visit({ javaScriptEnabled });
    await ask(page, 'Tea & "coffee"?', 'Tea\n\n  <b>Coffee</b>  \n');
    await expect(page).toHaveURL('/start');
    const expectDraft = async () => {
      await expect(field(page, 'Question')).toHaveValue('Tea & "coffee"?');
      await expect(field(page, 'Options')).toHaveValue('Tea\n\n  <b>Coffee</b>  \n');
    };
    await expectDraft();

    const name = freshName();
    await field(page, 'User name').fill(name);
    await page.getByLabel('Password').fill('short');
    await button(page, 'Create account and start').click();
    await expect(page.getByText('Password: must have 10 to 128 characters.')).toBeVisible();
    await expectDraft();
    await expect(field(page, 'User name')).toHaveValue(name);
    await expect(page.getByLabel('Password')).toHaveValue('');

    await page.getByLabel('Password').fill(PASSWORD);
    await button(page, 'Create account and start').click();
    await expect(page).toHaveURL(/\/r\/[A-Z0-9]{6}\/host$/);
    await expect(page.getByRole('heading', { level: 2, name: 'Tea & "coffee"?' })).toBeVisible();
    await expect(button(page, 'Close voting')).toBeVisible();
    await expectBars(page, { Tea: 0, '<b>Coffee</b>': 0 });
    await expect(page.getByText(name)).toBeVisible();
    if (javaScriptEnabled) await live(page);
  });

  test(`the account step takes an account that is there already, ${scripts}`, async ({ visit, signIn, mayComplain }) => {
    mayComplain(/status of 401/);
    const { name } = await signIn();
    const page = await visit({ javaScriptEnabled });
    await ask(page, 'Lunch?', 'Now\nLater');
    await field(page, 'User name').fill(name);
    await page.getByLabel('Password').fill('wrong horses');
    await button(page, 'Sign in and start').click();
    await expect(page.getByRole('alert')).toHaveText('The user name or the password is not right.');
    await expect(field(page, 'Question')).toHaveValue('Lunch?');

    await page.getByLabel('Password').fill(PASSWORD);
    await button(page, 'Sign in and start').click();
    await expect(page).toHaveURL(/\/r\/[A-Z0-9]{6}\/host$/);
    await expectBars(page, { Now: 0, Later: 0 });
  });
}

test('whoever is signed in is on the host page in one step', async ({ signIn }) => {
  const { page } = await signIn();
  await ask(page, 'Lunch?', 'Now\nLater');
  await expect(page).toHaveURL(/\/r\/[A-Z0-9]{6}\/host$/);
  await live(page);
  await expectBars(page, { Now: 0, Later: 0 });
});

test('a question with one answer is refused before an account is asked for, and kept', async ({ visit, mayComplain }) => {
  mayComplain(/status of 422/);
  const page = await visit();
  await ask(page, 'Lunch?', 'Now');
  await expect(page.getByText('Options: must be 2 to 100, not 1.')).toBeVisible();
  await expect(field(page, 'Options')).toHaveValue('Now');
  await expect(field(page, 'Options')).toHaveAttribute('aria-invalid', 'true');
});
