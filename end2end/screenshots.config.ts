import { defineConfig } from '@playwright/test';
import base from './playwright.config';

// `npm run screenshots`: no tests, but pictures of every screen, in screenshots/ and docs/images/.
export default defineConfig(base, { testDir: 'pictures', workers: 1, timeout: 120_000 });
