import type { Page } from '@playwright/test';
import { LUNCH, multiple, single } from '../support/api';
import { hearing } from '../support/room';
import { expect, test } from '../support/test';

const questions = (page: Page) => page.locator('.edit-poll .poll-item-question');
const item = (page: Page, question: string) =>
  page.locator('.edit-poll').filter({ has: page.locator('.poll-item-question').getByText(question, { exact: true }) });

for (const javaScriptEnabled of [true, false]) {
  const scripts = javaScriptEnabled ? 'with scripts' : 'without scripts';

  test(`questions are added, edited and deleted, ${scripts}`, async ({ signIn, mayComplain }) => {
    // Refused once: a plain form's page is a 422, a request's answer too.
    mayComplain(/status of 422/);
    const { page, api } = await signIn({ javaScriptEnabled });
    const room = await api.room('Team day', []);
    await page.goto(`/rooms/${room.code}/edit`);
    const add = page.locator('.add-poll');
    if (javaScriptEnabled) await hearing(add.locator('form'));
    await expect(page.getByText('No questions yet. Add the first one.')).toBeVisible();

    const unfold = async () => {
      if (!(await add.getByRole('textbox', { name: 'Question' }).isVisible())) await add.locator('summary').click();
    };
    await unfold();
    await add.getByRole('textbox', { name: 'Question' }).fill('Which days?');
    await add.getByRole('radio', { name: 'Several options' }).check();
    await add.getByRole('textbox', { name: 'Options' }).fill('Monday');
    await add.getByRole('button', { name: 'Add it' }).click();
    await expect(add.getByText('Please look at the marked fields again.')).toBeVisible();
    await expect(add.getByRole('textbox', { name: 'Question' })).toHaveValue('Which days?');
    await expect(add.getByRole('radio', { name: 'Several options' })).toBeChecked();
    await add.getByRole('textbox', { name: 'Options' }).fill('Monday\nTuesday\nFriday');
    await add.getByRole('spinbutton', { name: 'At most' }).fill('2');
    await add.getByRole('button', { name: 'Add it' }).click();
    await expect(questions(page)).toHaveText(['Which days?']);
    await expect(item(page, 'Which days?')).toContainText('Monday · Tuesday · Friday');

    await unfold();
    await expect(add.getByRole('textbox', { name: 'Question' })).toHaveValue('');
    await add.getByRole('textbox', { name: 'Question' }).fill('How was it?');
    await add.getByRole('radio', { name: 'Rating' }).check();
    await add.getByRole('spinbutton', { name: 'Highest rating' }).fill('7');
    await add.getByRole('button', { name: 'Add it' }).click();
    await expect(questions(page)).toHaveText(['Which days?', 'How was it?']);

    // By its place: what is asked is about to change.
    const days = page.locator('.edit-poll').first();
    await days.getByText('Edit', { exact: true }).click();
    await expect(days.getByRole('radio', { name: 'Several options' })).toBeChecked();
    await expect(days.getByRole('spinbutton', { name: 'At most' })).toHaveValue('2');
    await days.getByRole('textbox', { name: 'Question' }).fill('Which weekdays?');
    await days.getByRole('textbox', { name: 'Options' }).fill('Monday\nFriday');
    await days.getByRole('button', { name: 'Save' }).click();
    await expect(questions(page)).toHaveText(['Which weekdays?', 'How was it?']);

    await item(page, 'How was it?').getByText('Delete', { exact: true }).click();
    await item(page, 'How was it?').getByRole('button', { name: 'Delete this question' }).click();
    await expect(questions(page)).toHaveText(['Which weekdays?']);

    await page.reload();
    await expect(questions(page)).toHaveText(['Which weekdays?']);
    const { polls } = await api.get<{ polls: object[] }>(`/rooms/${room.code}`);
    expect(polls).toMatchObject([
      { question: 'Which weekdays?', kind: { type: 'multiple', min: 1, max: 2 }, options: [{ label: 'Monday' }, { label: 'Friday' }] },
    ]);
  });

  test(`questions are put in order by keyboard, ${scripts}`, async ({ signIn }) => {
    const { page, api } = await signIn({ javaScriptEnabled });
    const room = await api.room('Team day', [single('One', 'a', 'b'), single('Two', 'a', 'b'), single('Three', 'a', 'b')]);
    await page.goto(`/rooms/${room.code}/edit`);
    if (javaScriptEnabled) await hearing(item(page, 'One').locator('.movers'));
    const down = page.getByRole('button', { name: 'Move down: One' });
    await down.focus();
    await page.keyboard.press('Enter');
    await expect(questions(page)).toHaveText(['Two', 'One', 'Three']);
    await expect(down).toBeFocused({ timeout: 5_000 }).catch(async (lost) => {
      // Without scripts the page is loaded again, at the button that was pressed: the next Tab starts from there.
      if (javaScriptEnabled) throw lost;
      await expect(page).toHaveURL(/#down-/);
      await down.focus();
    });
    await page.keyboard.press('Enter');
    await expect(questions(page)).toHaveText(['Two', 'Three', 'One']);
    await page.getByRole('button', { name: 'Move up: Three' }).focus();
    await page.keyboard.press('Space');
    await expect(questions(page)).toHaveText(['Three', 'Two', 'One']);
    await page.reload();
    await expect(questions(page)).toHaveText(['Three', 'Two', 'One']);
  });

  test(`settings are kept, ${scripts}`, async ({ signIn }) => {
    const { page, api } = await signIn({ javaScriptEnabled });
    const room = await api.room('Team day', [LUNCH]);
    await page.goto(`/rooms/${room.code}/edit`);
    const settings = page.locator('form').filter({ hasText: 'Who sees results' });
    if (javaScriptEnabled) await hearing(settings);
    await settings.getByRole('textbox', { name: 'Room title' }).fill('Away day');
    await settings.getByLabel('Who sees results').selectOption('Only the host');
    await settings.getByLabel('Who may vote').selectOption('Only people with an account');
    await settings.getByRole('checkbox', { name: 'Votes may be changed' }).uncheck();
    await settings.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Away day' })).toBeVisible();
    if (javaScriptEnabled) await expect(page.locator('.said')).toHaveText('Saved.');

    await page.reload();
    await expect(settings.getByRole('textbox', { name: 'Room title' })).toHaveValue('Away day');
    await expect(settings.getByLabel('Who sees results')).toHaveValue('host_only');
    await expect(settings.getByLabel('Who may vote')).toHaveValue('account');
    await expect(settings.getByRole('checkbox', { name: 'Votes may be changed' })).not.toBeChecked();
    expect(await api.get(`/rooms/${room.code}`)).toMatchObject({
      title: 'Away day',
      settings: { results: 'host_only', voters: 'account', change_vote: false },
    });
  });
}

test('a question that has been opened is fixed until it is reset', async ({ signIn }) => {
  const { page, api } = await signIn();
  const room = await api.openRoom([multiple('Which days?', 1, 2, 'Monday', 'Tuesday')]);
  await page.goto(`/rooms/${room.code}/edit`);
  await expect(page.getByText("It has been opened. Reset it on the host's page to edit it.")).toBeVisible();
  await expect(item(page, 'Which days?').getByText('Edit', { exact: true })).toBeHidden();
  await api.act(room.polls[0], 'reset');
  await page.reload();
  await expect(item(page, 'Which days?').getByText('Edit', { exact: true })).toBeVisible();
});
